"""Honest scores: every row predicted by a fit that saw nothing of its model, or nothing of its chip."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.fit.data import Data, Row
from benchmarks.fit.families import family
from benchmarks.fit.solve import Fit

Floats = NDArray[np.float64]
STEPS = 150  # of a search that starts from the fit to everything


@frozen
class Score:
    """error: median of |predicted / measured - 1|. rank: Spearman's correlation."""

    n: int
    error: float
    p90: float
    rank: float

    @classmethod
    def of(cls, measured: Floats, predicted: Floats) -> Score:
        off = np.abs(predicted / measured - 1)
        rank = float(spearmanr(measured, predicted).statistic) if len(measured) > 2 else float("nan")
        return cls(len(measured), float(np.median(off)), float(np.quantile(off, 0.9)), rank)


def chips_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """The chips in the rows, sorted."""
    return tuple(sorted({row.chip for row in rows}))


def by_model(rows: Sequence[Row], data: Data, whole: Fit) -> Floats:
    """float64[rows]: each model predicted by a fit to all others. `whole` only gives the search a start."""
    return _left_out(rows, data, whole, lambda row: row.model)


def by_family(rows: Sequence[Row], data: Data, whole: Fit) -> Floats:
    """float64[rows]: each family of models predicted by a fit to all others."""
    return _left_out(rows, data, whole, lambda row: family(row.model))


def _left_out(rows: Sequence[Row], data: Data, whole: Fit, key: Callable[[Row], str]) -> Floats:
    predicted = np.zeros(len(rows))
    for name in sorted({key(row) for row in rows}):
        inside = [index for index, row in enumerate(rows) if key(row) == name]
        fit = Fit(whole.chips)
        fit.values = whole.values.copy()
        fit.fit([row for row in rows if key(row) != name], data, STEPS)
        predicted[inside] = fit.predict([rows[index] for index in inside], data)
    return predicted


def baseline(rows: Sequence[Row], amount: Sequence[float]) -> Floats:
    """Latency as a straight line through a single figure per model, the best line for each chip and precision."""
    amounts, us = np.asarray(amount, dtype=np.float64), np.array([row.us for row in rows])
    predicted = np.zeros(len(rows))
    for chip, table in sorted({(row.chip, row.table) for row in rows}):
        inside = np.array([(row.chip, row.table) == (chip, table) for row in rows])
        models = np.array([row.model for row in rows])
        for model in sorted(set(models[inside])):
            here, others = inside & (models == model), inside & (models != model)
            x = np.stack([np.ones(int(others.sum())), amounts[others]], axis=1) / us[others, None]
            line, *_ = np.linalg.lstsq(x, np.ones(len(x)), rcond=None)
            predicted[here] = np.maximum(line[0] + line[1] * amounts[here], 1.0)
    return predicted
