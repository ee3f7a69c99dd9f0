"""The last touch, at the full price: segments, and single units, that are cheaper elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zif.planning.placement.grouping import segments
from zif.planning.placement.objective import evaluate
from zif.planning.placement.problem import Floats, Ints, Problem
from zif.planning.placement.single_moves import alternatives


def prune(problem: Problem, labels: Ints, budget: int) -> tuple[Ints, int]:
    """int32[n]: `labels` after moves of whole segments and single units that lower `evaluate(...).total`.

    At most `budget` placements are priced; how many were comes second. Never dearer than `labels`.
    """
    best, spent = evaluate(problem, labels).total, 0
    improved = True
    while improved:
        improved = False
        for moved in _proposals(problem, labels):
            if spent == budget:
                return labels, spent
            spent += 1
            total = evaluate(problem, moved).total
            if total < best * (1 - 1e-12):
                labels, best, improved = moved, total, True
                break
    return labels, spent


def _proposals(problem: Problem, labels: Ints) -> Iterator[Ints]:
    yield from _units(problem, labels)
    yield from _segments(problem, labels)


def _units(problem: Problem, labels: Ints) -> Iterator[Ints]:
    """Single units, those that promise most first."""
    change = alternatives(problem, labels)
    order = np.argsort(change, axis=None, kind="stable")
    for unit, label in zip(*np.unravel_index(order, change.shape), strict=True):
        if change[unit, label] >= 0:
            return
        moved = labels.copy()
        moved[unit] = label
        yield moved


def _segments(problem: Problem, labels: Ints) -> Iterator[Ints]:
    """Whole segments to another backend, those first that lose least; what that does not take goes where it is cheapest
    but for the backend that it leaves."""
    segment = segments(problem, labels)
    count, units = int(segment.max()) + 1, np.arange(problem.n)
    left = problem.costs.copy()
    left[units, labels] = np.inf
    refuge = left.argmin(axis=1).astype(np.int32)
    goes = np.where(np.isfinite(left), np.arange(problem.k, dtype=np.int32), refuge[:, None])
    extra = problem.costs[units[:, None], goes] - problem.costs[units, labels][:, None]
    change: Floats = np.stack([np.bincount(segment, column, count) for column in extra.T], axis=1)
    own = np.zeros(count, dtype=np.int32)
    own[segment] = labels
    change = change - problem.launch[own][:, None]
    change[np.arange(count), own] = np.inf
    order = np.argsort(change, axis=None, kind="stable")
    for number, label in zip(*np.unravel_index(order, change.shape), strict=True):
        if not np.isfinite(change[number, label]):
            return
        yield np.where(segment == number, goes[:, label], labels)
