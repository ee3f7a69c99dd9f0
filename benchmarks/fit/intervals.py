"""Between what multiples of a prediction a measurement lies, eight times of ten: cross-conformal, by family.

A family's residuals are those of a fit that had not seen it; what is held against them are the quantiles of the other
families' residuals, so that no family judges itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.fit.data import PRECISIONS, Row
from benchmarks.fit.families import family
from benchmarks.fit.solve import Floats

LEVEL = 0.8


def between(residuals: Floats) -> tuple[float, float]:
    """(least, most) of measured over predicted from logarithms of that ratio: float64[rows]."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(residuals, [tail, 1 - tail])
    return float(np.exp(min(low, 0.0))), float(np.exp(max(high, 0.0)))


def shipped(rows: Sequence[Row], predicted: Floats) -> dict[str, list[float]]:
    """By precision, what a plan shows."""
    return {
        word: rounded(between(_residuals(rows, predicted, word)[0]))
        for word in PRECISIONS.values()
        if any(row.precision == word for row in rows)
    }


def rounded(pair: tuple[float, float]) -> list[float]:
    """As it stands in the file."""
    return [float(f"{x:.3g}") for x in pair]


def coverage(rows: Sequence[Row], predicted: Floats) -> Mapping[str, tuple[int, float, float]]:
    """By precision: rows, the share of them inside the interval that other families give, its width in the middle."""
    shares = {}
    for word in PRECISIONS.values():
        residuals, families = _residuals(rows, predicted, word)
        inside, widths = np.zeros(len(residuals), dtype=bool), []
        for name in sorted(set(families)):
            own = families == name
            if own.all():
                continue
            low, high = np.log(between(residuals[~own]))
            inside[own] = (residuals[own] >= low) & (residuals[own] <= high)
            widths.append(high - low)
        if widths:
            shares[word] = (len(residuals), float(inside.mean()), float(np.exp(np.median(widths))))
    return shares


def show(title: str, rows: Sequence[Row], predicted: Floats, console: Console) -> None:
    """The coverage as a table."""
    table = Table(title=f"{LEVEL:.0%} intervals, {title}", title_justify="left")
    for name in ("precision", "rows", "inside", "most / least"):
        table.add_column(name, justify="right")
    for word, (n, inside, width) in coverage(rows, predicted).items():
        table.add_row(word, str(n), f"{inside:.1%}", f"{width:.2f}")
    console.print(table)


def _residuals(rows: Sequence[Row], predicted: Floats, word: str) -> tuple[Floats, np.ndarray[tuple[int], np.dtype]]:  # type: ignore[type-arg]
    kept = [index for index, row in enumerate(rows) if row.precision == word]
    logs = np.array([np.log(rows[index].us / predicted[index]) for index in kept])
    return logs, np.array([family(rows[index].model) for index in kept])
