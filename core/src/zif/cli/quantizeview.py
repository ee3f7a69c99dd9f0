"""What `zif quantize` says to a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from zif.cli.compareview import decibels

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
            [name, decibels(row["sqnr_db"]), *([decibels(there[name]["sqnr_db"])] if there else [])]
            for name, row in document["outputs"].items()
        ]
        table("", columns, rows, right=columns[1:])
        say(_measured(calibration))
    trials = document["trials"]
    if len(trials) > 1 and document["outputs"]:
        best = sorted(trials, key=lambda one: -min(one["sqnr_db"].values()))
        told = "; ".join(f"{one['recipe']}: {decibels(min(one['sqnr_db'].values()))}" for one in best[:4])
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


def ratios(sqnr: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Ratios per output as rows of a document, with `exact` saying what JSON cannot: that one is infinite."""
    return {name: {"sqnr_db": round(db, 2), "exact": db == math.inf} for name, db in sqnr.items()}


def _list(what: str, names: Sequence[str]) -> None:
    from zif.cli.output import say

    if names:
        more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
        say(f"{len(names)} {what}: {', '.join(names[:NAMES])}{more}")
