"""A chip that was never measured, but for a few runs of a user: how far the other models are off then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from rich.console import Console
from rich.table import Table as Shown
from zif.evaluation.calibration.correct import applied, factors
from zif.planning.costs.coefficients import GROUPS, Table
from zif.planning.costs.corrections import Measurement
from zif.targets import target

from benchmarks.fit.data import PRECISIONS, Data, Row
from benchmarks.fit.solve import Floats

DRAWS = 10  # of measured models per chip


@frozen
class After:
    """Rows judged after a correction: precision, logarithm of measured over predicted, by each draw."""

    words: tuple[str, ...]
    before: Floats
    after: Floats


def priced(row: Row, data: Data, content: Mapping[str, Any], took: float = 1.0) -> Measurement:
    """A row as a user's measurement, by the prices of a costs.json; took: what is known of the graph beside them."""
    fit = Table.of(content).at(target(row.chip), row.precision)
    assert fit is not None
    runtime = content["runtimes"][row.runtime][row.precision]
    groups = dict.fromkeys(GROUPS, 0.0)
    for group, us in zip(fit.groups, [*(data.counts[row.model] * fit.us), fit.launch_us], strict=True):
        groups[group] += us
    groups["vector"] += data.pixels[row.model] * runtime["input_us_per_million"] * fit.slower["vector"]
    by = {group: us * runtime["factor"] * took for group, us in groups.items()}
    return Measurement(row.model, "", row.precision, row.us, by, data.edge_us(row), "")


def judged(
    told: Sequence[Measurement],
    measured: Sequence[int],
    asked: Sequence[int],
    covariance: Floats,
    count: int,
    seed: int,
) -> After:
    """Draw `count` models among `measured`, correct by a row of each, and judge the rows `asked` of other models."""
    chance = np.random.default_rng(seed)
    words, before, later = [], [], []
    names = sorted({told[i].model for i in measured})
    for _ in range(DRAWS if len(names) > count else 0):
        drawn = set(chance.choice(names, count, replace=False))
        taken = [chance.choice([i for i in measured if told[i].model == name]) for name in sorted(drawn)]
        kept = [told[i] for i in asked if told[i].model not in drawn]
        us = np.array([row.us for row in kept])
        plain = np.array([sum(row.priced.values()) + row.fixed_us for row in kept])
        words += [row.precision for row in kept]
        before += list(np.log(us / plain))
        later += list(np.log(us / np.array(applied(kept, factors([told[i] for i in taken], covariance)))))
    return After(tuple(words), np.array(before), np.array(later))


def joined(afters: Sequence[After]) -> After:
    """Several as one."""
    words = tuple(word for after in afters for word in after.words)
    return After(
        words, np.concatenate([after.before for after in afters]), np.concatenate([after.after for after in afters])
    )


def shown(title: str, by_count: Mapping[int, After], console: Console) -> None:
    """Median errors before and after, and after by quantization."""
    table = Shown(title=title, title_justify="left")
    for name in ("measured", "before", "after", *PRECISIONS):
        table.add_column(name, justify="right")
    for count, after in by_count.items():
        off = [_median(after.after[np.array(after.words) == word]) for word in PRECISIONS.values()]
        table.add_row(str(count), _median(after.before), _median(after.after), *off)
    console.print(table)


def _median(logs: Floats) -> str:
    return f"{np.median(np.abs(np.exp(-logs) - 1)):.1%}" if len(logs) else ""
