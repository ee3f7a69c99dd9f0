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
    listed, known = {operator.name for operator in made}, bool(made)
    made += [optrace.Made(name, "") for name in counted if name not in listed]
    shares = [run.us for run in seen]
    told = [
        EngineOperator(
            operator.name if known else original_name(operator.name),
            operator.type,
            operator.units,
            float(median(run.cycles.get(operator.name, 0.0) for run in seen)) if operator.name in counted else None,
            float(median(share.get(operator.name, 0.0) for share in shares)) if operator.name in counted else None,
        )
        for operator in made
    ]
    return OperatorTrace(tuple(told), tuple(notes))
