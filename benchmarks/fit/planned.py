"""What `zif.plan` says of the graphs, from end to end, beside what was measured on each chip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import zif
from rich.console import Console
from zif.errors import Unsupported

from benchmarks.fit.data import Data, Row
from benchmarks.fit.report import residuals, summary


def planned(rows: Sequence[Row], data: Data, names: Sequence[str], console: Console) -> None:
    """Plan every graph for the chips named, w8a8 and w8a16 by assumption, and score the rows of ONNX Runtime."""
    kept = [row for row in rows if row.chip in names and row.runtime == "onnx"]
    said: dict[tuple[str, str, str], float | None] = {}
    apart: Counter[str] = Counter()
    for row in kept:
        key = row.model, row.chip, row.table
        if key not in said:
            said[key] = _latency(row, data, apart)
    told = [row for row in kept if said[row.model, row.chip, row.table] is not None]
    us = np.array([said[row.model, row.chip, row.table] for row in told], dtype=np.float64)
    summary("zif.plan as it is", told, {"zif.plan": us}, console)
    residuals(told, us, console, "nothing left out")
    for what, count in apart.most_common():
        console.print(f"{count} plans {what}")


def _latency(row: Row, data: Data, apart: Counter[str]) -> float | None:
    """Predicted microseconds for the whole model; None where no backend has a place for some unit."""
    assume = "" if row.table == "float" else row.table
    try:
        plan = zif.plan(data.models[row.model], row.chip, "performance", assume=assume)
    except Unsupported:
        apart[f"of {row.model} in {row.table} were not to be had"] += 1
        return None
    if plan.backends != ("qnn_htp",):
        apart[f"of {row.model} in {row.table} use {', '.join(plan.backends)}"] += 1
    return plan.predicted.latency_us
