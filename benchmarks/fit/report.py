"""Tables of errors, for the terminal and for the decision's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.fit.data import PRECISIONS, Row
from benchmarks.fit.solve import Floats
from benchmarks.fit.validate import Score

SMALL = 8  # rows of one chip below which a rank correlation says nothing


def summary(title: str, rows: Sequence[Row], predictions: Mapping[str, Floats], console: Console) -> None:
    """Per quantization: every chip by itself, then the median over chips; predictions side by side."""
    for table in PRECISIONS:
        grid = Table(title=f"{title}: {table}", title_justify="left")
        grid.add_column("chip")
        grid.add_column("rows", justify="right")
        for name in predictions:
            grid.add_column(f"{name}\nerror  p90  rank", justify="right")
        chips = sorted({row.chip for row in rows if row.table == table})
        for chip in chips:
            grid.add_row(chip, *_cells(rows, predictions, table, (chip,)))
        if chips:
            grid.add_section()
            grid.add_row("mean of chips", "", *_means(rows, predictions, table, chips))
            console.print(grid)


def _scores(rows: Sequence[Row], predicted: Floats, table: str, chips: Sequence[str]) -> Score:
    inside = [i for i, row in enumerate(rows) if row.table == table and row.chip in chips]
    return Score.of(np.array([rows[i].us for i in inside]), predicted[inside])


def _cells(rows: Sequence[Row], predictions: Mapping[str, Floats], table: str, chips: Sequence[str]) -> list[str]:
    scores = [_scores(rows, predicted, table, chips) for predicted in predictions.values()]
    return [str(scores[0].n), *(_text(score.error, score.p90, score.rank) for score in scores)]


def _means(rows: Sequence[Row], predictions: Mapping[str, Floats], table: str, chips: Sequence[str]) -> list[str]:
    cells = []
    for predicted in predictions.values():
        scores = [_scores(rows, predicted, table, (chip,)) for chip in chips]
        full = [score for score in scores if score.n >= SMALL]
        if not full:
            cells.append("too few rows")
            continue
        means = [float(np.mean([getattr(s, name) for s in full])) for name in ("error", "p90", "rank")]
        cells.append(_text(*means))
    return cells


def _text(error: float, p90: float, rank: float) -> str:
    return f"{error:4.0%} {p90:4.0%} {rank:.3f}"


def residuals(
    rows: Sequence[Row], predicted: Floats, console: Console, how: str = "the model left out of the fit"
) -> None:
    """Predicted over measured by model, geometric mean over its rows: where the model of costs is wrong."""
    grid = Table(title=f"predicted / measured, {how}", title_justify="left")
    grid.add_column("model")
    for table in PRECISIONS:
        grid.add_column(table, justify="right")
    for model in sorted({row.model for row in rows}):
        grid.add_row(model, *(_ratio(rows, predicted, model, table) for table in PRECISIONS))
    console.print(grid)


def _ratio(rows: Sequence[Row], predicted: Floats, model: str, table: str) -> str:
    logs = [np.log(predicted[i] / r.us) for i, r in enumerate(rows) if r.model == model and r.table == table]
    return f"{np.exp(np.mean(logs)):.2f}" if logs else ""
