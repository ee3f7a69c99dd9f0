"""The cheapest placement that is found: candidates from cuts, greedy and single backends, at their full price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen

from zif.placement.expansion import expand
from zif.placement.greedy import check_feasible, greedy, single
from zif.placement.moves import best_move, tolls
from zif.placement.objective import Cost, evaluate
from zif.placement.problem import Ints, Problem
from zif.placement.segments import segments

#: How much of the launch cost a change of backend is charged in the cuts; which is right depends on the graph.
_WEIGHTS = (0.5, 0.25, 1.0, 0.1, 0.75, 1.5)


@frozen(eq=False)
class Solution:
    """A placement: int32[n] labels and segments, its cost, and what else was considered, by name, in a fixed order.

    Among the candidates are always "greedy" and "only:<backend>" for each backend that takes every unit.
    """

    labels: Ints
    segments: Ints
    cost: Cost
    candidates: tuple[tuple[str, Cost], ...]


def solve(problem: Problem, priority: Sequence[int] | None = None) -> Solution:
    """Place every unit so that units + transfers + launches are cheap: never dearer than greedy or any single backend.

    Exact but for the launches with two backends, an approximation with more. Deterministic, near-linear in the size.
    `priority` is that of `greedy`. Raises PlacementError when some unit is allowed nowhere.
    """
    check_feasible(problem)
    whole, member = problem.whole
    tried: dict[str, tuple[Ints, Cost]] = {}
    for name, labels in _candidates(whole, priority):
        tried[name] = (labels, evaluate(whole, labels))
    best = min(tried, key=lambda name: tried[name][1].total)
    labels = np.ascontiguousarray(tried[best][0][member])
    segment = segments(problem, labels)
    return Solution(
        labels, segment, evaluate(problem, labels, segment), tuple((name, cost) for name, (_, cost) in tried.items())
    )


def _candidates(problem: Problem, priority: Sequence[int] | None) -> Iterator[tuple[str, Ints]]:
    yield "greedy", greedy(problem, priority)
    for label, name in enumerate(problem.backends):
        everything = single(problem, label)
        if everything is not None:
            yield f"only:{name}", everything
    useful = np.nonzero(np.isfinite(problem.costs).any(axis=0))[0].tolist()
    if len(useful) < 2 or not problem.n:
        return
    cheapest = problem.costs.argmin(axis=1).astype(np.int32)
    for weight in _WEIGHTS:
        prices = tolls(problem, weight)
        if len(useful) == 2:
            start = np.full(problem.n, useful[0], dtype=np.int32)
            yield f"cut:{weight:g}", best_move(problem, start, useful[1], prices)
        else:
            yield f"expansion:{weight:g}", expand(problem, cheapest, prices, 4, useful)
