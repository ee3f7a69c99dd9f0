"""The operators of a segment as QNN made them of its units, with the cycles of a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from zif import InvalidBundle
from zif.plugin import EngineOperator, OperatorTrace

from zif_qnn_runtime import optrace
from zif_qnn_runtime.failures import original_name
from zif_qnn_runtime.profile import Profiled, noted


def operators(
    opened: Callable[[], Profiled], files: Mapping[str, bytes | Path], inputs: Any, runs: int
) -> OperatorTrace:
    """What QNN notes of so many runs by operator, medians, and which units each was made of.

    files: the artifact's. What they do not tell is a note; what QNN counts and the compiler did not list (a graph's
    input and output) stands last, and is nobody's.
    """
    notes: list[str] = []
    try:
        made = list(optrace.read(files).operators)
    except InvalidBundle as error:
        made, notes = [], [str(error)]
    seen = noted(opened, inputs, runs)
    counted = dict.fromkeys(name for run in seen for name in run.cycles)
    if not counted:
        notes.append("QNN noted no operator")
    listed, known = {one.name for one in made}, bool(made)
    made += [optrace.Made(name, "") for name in counted if name not in listed]
    shares = [run.us for run in seen]
    told = [
        EngineOperator(
            one.name if known else original_name(one.name),
            one.type,
            one.units,
            float(median(run.cycles.get(one.name, 0.0) for run in seen)) if one.name in counted else None,
            float(median(share.get(one.name, 0.0) for share in shares)) if one.name in counted else None,
        )
        for one in made
    ]
    return OperatorTrace(tuple(told), tuple(notes))
