"""The placements that need no search: greedy by priority, as today's runtimes do it, and everything on one backend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zif.planning.placement.graph import PlacementError
from zif.planning.placement.problem import Bools, Ints, Problem


def greedy(problem: Problem, priority: Sequence[int] | None = None) -> Ints:
    """int32[n]: every unit (every group) on the first backend of `priority` that is allowed for it.

    The default priority is fastest first. Raises PlacementError when `priority` leaves a unit without a backend.
    """
    whole, member = problem.whole
    order = np.array(fastest_first(problem) if priority is None else priority, dtype=np.int32)
    check_feasible(problem, order.tolist())
    labels: Ints = order[np.isfinite(whole.costs[:, order]).argmax(axis=1)]
    return labels[member]


def fastest_first(problem: Problem) -> tuple[int, ...]:
    """The backends ordered by how close the units they take come to the best cost of those units; ties by position."""
    costs = problem.whole[0].costs
    best, allowed = costs.min(axis=1, initial=np.inf), np.isfinite(costs)
    own = np.where(allowed, costs, 0.0).sum(axis=0)
    ideal = np.where(allowed, best[:, None], 0.0).sum(axis=0)
    ratio = np.where(own > ideal, own / np.maximum(ideal, 1e-300), 1.0)
    ratio[~allowed.any(axis=0)] = np.inf
    return tuple(np.argsort(ratio, kind="stable").tolist())


def single(problem: Problem, label: int) -> Ints | None:
    """int32[n]: everything on one backend; None when that does not take every unit."""
    if not np.isfinite(problem.costs[:, label]).all():
        return None
    return np.full(problem.n, label, dtype=np.int32)


def check_feasible(problem: Problem, labels: Sequence[int] | None = None) -> None:
    """Raise PlacementError when some unit, or some group as a whole, is allowed on none of `labels` (default: all)."""
    whole, member = problem.whole
    columns = list(range(problem.k)) if labels is None else list(labels)
    lost: Bools = np.isinf(whole.costs[:, columns].min(axis=1, initial=np.inf))
    if lost.any():
        units = np.nonzero(lost[member])[0].tolist()
        names = ", ".join(problem.backends[b] for b in columns)
        raise PlacementError(f"units {units[:10]} (of {len(units)}) are allowed on none of: {names}")
