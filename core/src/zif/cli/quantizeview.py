"""What `zif quantize` says to a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: So many names of a list are told.
NAMES = 5


def show(document: Mapping[str, Any]) -> None:
    """Accuracy per output, what was tried, what an encodings file left over, and where the files are."""
    from zif.cli.output import note, say, table

    calibration = document["calibration"]
    if document["outputs"]:
        there = document["target_outputs"]
        columns = ["output", "SQNR dB"] + ([f"on {document['target']} dB"] if there else [])
        rows = [
            [name, _db(row["sqnr_db"]), *([_db(there[name]["sqnr_db"])] if there else [])]
            for name, row in document["outputs"].items()
        ]
        table("", columns, rows, right=columns[1:])
        say(_measured(calibration))
    trials = document["trials"]
    if len(trials) > 1:
        best = sorted(trials, key=lambda one: -min(one["sqnr_db"].values(), default=0))
        told = "; ".join(f"{one['recipe']}: {_db(min(one['sqnr_db'].values(), default=0))}" for one in best[:4])
        rest = f"; {len(best) - 4} worse" if len(best) > 4 else ""
        say(f"tried {len(trials)} recipes, the best first, dB of the worst output: {told}{rest}")
    elif document["recipe"]:
        say(f"recipe: {document['recipe']['text']}")
    counts = document["tensors"]
    say(
        f"{counts['activations']} activations, {counts['weights']} weights, {counts['biases']} biases quantized"
        + (f", {counts['conversions']} conversions between precisions" if counts["conversions"] else "")
    )
    _list("repaired from min and max", document["repaired"])
    _list("entries that match no tensor", document["unmatched"])
    _list("tensors without an entry, left in float", document["uncovered"])
    say(f"{document['output']}, encodings in {document['encodings']}")
    if calibration["random"]:
        note("calibrated with random values: neither the ranges nor the figures say anything about real inputs")


def _measured(calibration: Mapping[str, Any]) -> str:
    held, count = calibration["held_out"], calibration["samples"]
    if not held:
        return f"against float on the {count} sample{'s' if count > 1 else ''} that it was calibrated with"
    plural = "s" if held > 1 else ""
    return f"against float on {held} sample{plural} held out; calibrated with the other {count - held}"


def _db(value: float | None) -> str:
    if value is None:
        return ""
    return "exact" if value >= 200 else f"{value:.1f}"


def _list(what: str, names: Sequence[str]) -> None:
    from zif.cli.output import say

    if names:
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        say(f"{len(names)} {what}: {', '.join(names[:NAMES])}{more}")
