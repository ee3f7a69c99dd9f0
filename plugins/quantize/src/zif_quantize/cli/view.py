"""What `zif quantize` says to a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zif.plugin import decibels, things

#: The precision that quantizes weights alone, and has no recipe.
WEIGHTS_ONLY = "w8"
#: So many names of a list are told.
NAMES = 5


def show(document: Mapping[str, Any]) -> None:
    """Accuracy per output, what was tried, what an encodings file left over, and where the files are."""
    from zif.plugin import note, say

    if document["outputs"]:
        _outputs(document)
    _recipe(document)
    if document["smoothed"]:
        say("channels that are much larger than others were made smaller, and weights that read them larger")
    if document["mended"]:
        units = [f"{unit} in {precision}" for unit, precision in document["mended"].items()]
        _list("unit is mended, too coarse on the chip", "units are mended, too coarse on the chip", units)
    say(_counts(document["tensors"], document["precision"] == WEIGHTS_ONLY))
    told_rules(document["rules"], document["target"])
    _encodings_file(document)
    say(f"{document['output']}, encodings in {document['encodings']}")
    emulated(document["emulated"])
    if document["calibration"]["random"] and document["reformed"] is None:
        what = "measured" if document["precision"] == WEIGHTS_ONLY else "calibrated"
        note(f"{what} with random values: neither ranges nor figures say anything about real inputs")


def _outputs(document: Mapping[str, Any]) -> None:
    """Accuracy per output, on the chip as well where that was measured."""
    from zif.plugin import say
    from zif.plugin import show_table as table

    there = document["target_outputs"]
    where = f"{document['target']} ({' + '.join(document['target_backends'])})"
    columns = ["output", "SQNR dB"] + ([f"on {where} dB"] if there else [])
    rows = [
        [name, decibels(row["sqnr_db"]), *([decibels(there[name]["sqnr_db"])] if there else [])]
        for name, row in document["outputs"].items()
    ]
    table("", columns, rows, right=columns[1:])
    say(_measured(document))


def _recipe(document: Mapping[str, Any]) -> None:
    """How it was quantized: by the best of several recipes, by one, or as encodings say."""
    from zif.plugin import say

    trials = document["trials"]
    if len(trials) > 1 and document["outputs"]:
        best = sorted(trials, key=lambda trial: -min(trial["sqnr_db"].values()))
        told = "; ".join(f"{trial['recipe']}: {decibels(min(trial['sqnr_db'].values()))}" for trial in best[:4])
        rest = f"; {len(best) - 4} worse" if len(best) > 4 else ""
        say(f"tried {len(trials)} recipes, the best first, dB of the worst output on {_judges(document)}: {told}{rest}")
    elif document["recipe"]:
        say(f"recipe: {document['recipe']['text']}")
    elif document["reformed"] is not None:
        told = ", ".join(f"{things(count, kind, kind)}" for kind, count in document["reformed"].items())
        say(f"put together: {told or 'nothing'}; the encodings are those that it had, {document['precision']}")
    elif document["precision"] != WEIGHTS_ONLY:
        say(f"as the encodings say: {document['precision']}")


def _encodings_file(document: Mapping[str, Any]) -> None:
    """What an encodings file left over, and what was mended in it."""
    from zif.plugin import note

    _list("entry repaired from min and max", "entries repaired from min and max", document["repaired"])
    _list("entry matches no tensor", "entries match no tensor", document["unmatched"])
    _list("tensor without an entry stays float", "tensors without an entry stay float", document["uncovered"])
    if len(document["unmatched"]) > sum(document["tensors"].values()):
        note("more entries match no tensor than were applied: is the encodings file another model's?")


def told_rules(rules: Mapping[str, Any], target: str | None) -> None:
    """Say whose rules the model was quantized by, and how to have others."""
    from zif.plugin import note, say

    from zif_quantize.rules import sentence

    hint = "" if rules["backends"] or target else "; --target CHIP takes those of the chip's backends"
    say(f"quantized {sentence(rules)}{hint}")
    for text in rules["notes"]:
        note(text)


def emulated(names: Sequence[str]) -> None:
    """Say which of the backends that ran are emulators."""
    from zif.plugin import say

    if names:
        say(f"emulated here, not run on hardware: {', '.join(names)}", style="yellow")


def _measured(document: Mapping[str, Any]) -> str:
    """On what the figures were taken, and what else was done with it."""
    calibration = document["calibration"]
    if document["reformed"] is not None:
        return "against the quantized model as it was given, on made inputs"
    held, count = (calibration[key] for key in ("held_out", "samples"))
    if document["precision"] == WEIGHTS_ONLY:
        return f"against float on {held} of {things(count, 'sample')}; weights alone need no calibration"
    if not held:
        return f"against float on the {things(count, 'sample')} that it was calibrated with"
    doubt = calibration["spread_db"]
    sure = "" if doubt is None else f", give or take {doubt:.1f} dB"
    return (
        f"against float on {held} of {things(count, 'sample')}, each on a model that was calibrated without it{sure}; "
        "the ranges are those of all"
    )


def _judges(document: Mapping[str, Any]) -> str:
    """The samples that the recipe was chosen by."""
    return f"{things(document['calibration']['chosen_on'], 'sample')} that had not calibrated them"


def _counts(counts: Mapping[str, int], weights_only: bool) -> str:
    if weights_only:
        dynamic = things(counts["activations"], "activation")
        return f"{things(counts['weights'], 'weight')} quantized to 8 bits; {dynamic} quantized at run time"
    told = f"{things(counts['activations'], 'activation')}, {things(counts['weights'], 'weight')}, "
    told += things(counts["biases"], "bias", "biases")
    between = counts["conversions"]
    return f"{told} quantized" + (f", {things(between, 'conversion')} between precisions" if between else "")


def _list(singular: str, plural: str, names: Sequence[str]) -> None:
    from zif.plugin import listed, say

    if names:
        say(f"{len(names)} {singular if len(names) == 1 else plural}: {listed(names, NAMES, ' and {} more')}")
