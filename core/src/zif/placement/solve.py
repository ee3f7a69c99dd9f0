"""The cheapest placement that is found: candidates from cuts, greedy and single backends, at their full price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen

from zif.placement.expansion import charged_cost, expand
from zif.placement.greedy import check_feasible, greedy, single
from zif.placement.launch import critical_charges, even_charges
from zif.placement.moves import best_move
from zif.placement.objective import Cost, evaluate
from zif.placement.problem import Ints, Problem
from zif.placement.segments import segments


@frozen(eq=False)
class Solution:
    """A placement: int32[n] labels and segments, its cost, and what else was considered, by name, in a fixed order.

    Among the candidates are always "greedy" and "only:<backend>" for each backend that takes every unit. `lower_bound`
    is proven: no placement costs less (close with two backends; with more it is only the sum of the least unit costs).
    """

    labels: Ints
    segments: Ints
    cost: Cost
    candidates: tuple[tuple[str, Cost], ...]
    lower_bound: float


class _Search:
    """Candidates as they are found, the best of them, and the best bound."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tried: list[tuple[str, Cost]] = []
        self.labels = self.segments = np.zeros(problem.n, dtype=np.int32)
        self.cost: Cost | None = None
        self.bound = float(problem.costs.min(axis=1, initial=np.inf).sum()) if problem.n else 0.0

    def consider(self, name: str, labels: Ints) -> None:
        segment = segments(self.problem, labels)
        cost = evaluate(self.problem, labels, segment)
        self.tried.append((name, cost))
        if self.cost is None or cost.total < self.cost.total:
            self.labels, self.segments, self.cost = labels, segment, cost

    @property
    def proven(self) -> bool:
        """Whether the best cannot be improved by more than a millionth."""
        return self.cost is not None and self.cost.total <= self.bound * (1 + 1e-6)


def solve(problem: Problem, priority: Sequence[int] | None = None) -> Solution:
    """Place every unit so that units + transfers + launches are cheap: never dearer than greedy or any single backend.

    With two backends each step is the exact optimum for launch costs as charges (see `launch`), and a lower bound.
    Deterministic, near-linear in the size. `priority` is that of `greedy`. Raises PlacementError when some unit is
    allowed nowhere, or groups cannot run whole.
    """
    check_feasible(problem)
    whole, member = problem.whole
    search = _Search(whole)
    search.consider("greedy", greedy(whole, priority))
    for label, name in enumerate(whole.backends):
        everything = single(whole, label)
        if everything is not None:
            search.consider(f"only:{name}", everything)
    useful = np.flatnonzero(np.isfinite(whole.costs).any(axis=0)).tolist()
    if len(useful) == 2:
        _cuts(search, useful)
    elif len(useful) > 2:
        _expansions(search, useful)
    assert search.cost is not None  # greedy is always considered
    bound = min(search.bound, search.cost.total)
    return Solution(search.labels[member], search.segments[member], search.cost, tuple(search.tried), bound)


def _steps(problem: Problem) -> int:
    """How many rounds of charges are worth their time, by size: many for a model, one for 100,000 tangled units."""
    graph = problem.graph
    several = np.bincount(graph.edge_tensor, minlength=graph.tensors)
    size = problem.n + len(graph.edge_tensor) + 2 * int(several[several > 1].sum())
    return int(np.clip(140_000 // size, 2 if size < 400_000 else 1, 16))


def _cuts(search: _Search, useful: list[int]) -> None:
    problem = search.problem
    start, charges = np.full(problem.n, useful[0], dtype=np.int32), even_charges(problem)
    steps = _steps(problem)
    for step in range(1, steps + 1):
        labels, rounding = best_move(problem, start, useful[1], charges)
        search.bound = max(search.bound, charged_cost(problem, labels, charges) - rounding)
        search.consider(f"cut:{step}", labels)
        if search.proven or step == steps:
            break
        charges = charges.mixed(critical_charges(problem, labels), 2 / (step + 2))


def _expansions(search: _Search, useful: list[int]) -> None:
    problem, charges, steps = search.problem, even_charges(search.problem), _steps(search.problem)
    for name, start in _starts(search.problem, search.labels, steps):
        labels = expand(problem, start, charges, useful, 4 * len(useful))
        search.consider(f"expansion:{name}", labels)
    labels = search.labels
    for step in range(1, steps):
        charges = charges.mixed(critical_charges(problem, labels), 2 / (step + 2))
        labels = expand(problem, labels, charges, useful, len(useful))
        search.consider(f"expansion:{step + 1}", labels)


def _starts(problem: Problem, best: Ints, steps: int) -> Iterator[tuple[str, Ints]]:
    yield "cheapest", problem.costs.argmin(axis=1).astype(np.int32)
    if steps > 2:
        yield "best", best
        for label, name in enumerate(problem.backends):
            everything = single(problem, label)
            if everything is not None:
                yield name, everything
