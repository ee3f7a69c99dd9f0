"""What verifying found, on a terminal: a row for each segment, and a word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zif.cli.views.compare import decibels
from zif.cli.views.terminal import say, table

_STYLE = {"right": "green", "coarse": "yellow", "wrong": "bold red", "unholdable": "bold red", "unchecked": "dim"}


def show(document: Mapping[str, Any]) -> None:
    """Print the document of `zif verify`."""
    rows = [_row(segment) for segment in document["segments"]]
    columns = ("segment", "backend", "units", "precision", "SQNR dB", "must cost dB", "at", "")
    if rows:
        table("", columns, rows, right=("segment", "units", "SQNR dB", "must cost dB"))
    say(sentence(document))
    for segment in document["segments"]:
        if segment["reason"]:
            say(f"segment {segment['id']} could not be checked: {segment['reason']}", style="yellow")


def sentence(document: Mapping[str, Any]) -> str:
    """In one line: whether it is verified, and on what."""
    if not document["segments"]:
        return f"nothing to verify: every segment runs on what judges others ({' and '.join(document['judge'])})"
    words = {segment["word"] for segment in document["segments"]}
    told = f"{document['samples']} samples ({document['inputs']}), against {' and '.join(document['judge'])}"
    if words & {"wrong", "unholdable"}:
        return f"NOT verified, on {told}: what is wrong lies further off than its precision costs"
    then = "".join(f"; {note}" for note in document["notes"])
    return f"verified on {told}{then}" if "unchecked" not in words else f"verified in part, on {told}"


def _row(segment: Mapping[str, Any]) -> list[Any]:
    worst = min(segment["tensors"], key=_margin, default=None)
    word = (segment["word"], _STYLE[segment["word"]])
    figures = ["", "", ""] if worst is None else [_db(worst), decibels(worst["rounded_db"]), worst["name"]]
    return [segment["id"], (segment["backend"], "bold"), len(segment["units"]), segment["precision"], *figures, word]


def _margin(tensor: Mapping[str, Any]) -> float:
    if tensor["sqnr_db"] is None:
        return math.inf if tensor["exact"] or tensor["agreement"] is None else 100 * tensor["agreement"]
    return float(tensor["sqnr_db"]) - float(tensor["rounded_db"] or 0.0)


def _db(tensor: Mapping[str, Any]) -> str:
    if tensor["exact"]:
        return "exact"
    if tensor["sqnr_db"] is not None:
        return decibels(tensor["sqnr_db"])
    return "" if tensor["agreement"] is None else f"{100 * tensor['agreement']:.4g} % equal"
