"""The cheapest placement that is found: candidates from cuts, greedy and single backends, at their full price."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from zif.planning.placement.baselines import check_feasible, fastest_first, greedy, single
from zif.planning.placement.expansion import charged_cost, expand
from zif.planning.placement.grouping import segments
from zif.planning.placement.launch import Charges, critical_charges, even_charges
from zif.planning.placement.moves import best_move
from zif.planning.placement.objective import Cost, evaluate
from zif.planning.placement.problem import Ints, Problem
from zif.planning.placement.prune import prune


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


#: A placement this close to its lower bound, as a share, is not searched further.
ENOUGH = 1e-4


class _Search:
    """Candidates as they are found, the best of them, and the best bound."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tried: list[tuple[str, Cost]] = []
        self.placements: list[Ints] = []
        self.labels = self.segments = np.zeros(problem.n, dtype=np.int32)
        self.cost: Cost | None = None
        self.bound = float(problem.costs.min(axis=1, initial=np.inf).sum()) if problem.n else 0.0

    def consider(self, name: str, labels: Ints) -> None:
        segment = segments(self.problem, labels)
        cost = evaluate(self.problem, labels, segment)
        self.tried.append((name, cost))
        self.placements.append(labels)
        if cost.total < self.total:
            self.labels, self.segments, self.cost = labels, segment, cost

    @property
    def total(self) -> float:
        """The cost of the best so far."""
        return float("inf") if self.cost is None else self.cost.total

    @property
    def proven(self) -> bool:
        """Whether no placement costs less by more than `ENOUGH`."""
        return self.total <= self.bound * (1 + ENOUGH)


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
        start = np.full(whole.n, useful[0], dtype=np.int32)
        search.bound = max(search.bound, _cuts(search, start, useful[1], _steps(whole), "cut"))
    elif len(useful) > 2:
        _expansions(search, useful)
    if len(useful) > 1 and not search.proven:
        _prune(search)
    assert search.cost is not None  # greedy is always considered
    bound = min(search.bound, search.cost.total)
    return Solution(search.labels[member], search.segments[member], search.cost, tuple(search.tried), bound)


def _prune(search: _Search) -> None:
    """Improve the candidates that are not far off, the cheapest first, at the full price, as far as the size allows."""
    left = 250_000 // _size(search.problem)
    near = [i for i, (_, cost) in enumerate(search.tried) if cost.total < 1.25 * search.total]
    seen: set[bytes] = set()
    for i in sorted(near, key=lambda i: search.tried[i][1].total):
        name, before = search.tried[i][0], search.placements[i]
        if left < 20 or before.tobytes() in seen:
            continue
        seen.add(before.tobytes())
        labels, spent = prune(search.problem, before, min(left, 40))
        left -= spent
        if (labels != before).any():
            search.consider(f"{name}+pruned", labels)


def _size(problem: Problem) -> int:
    """About how many nodes and arcs a cut has."""
    graph = problem.graph
    readers = np.bincount(graph.edge_tensor, minlength=graph.tensors)
    return problem.n + len(graph.edge_tensor) + 2 * int(readers[readers > 1].sum())


def _steps(problem: Problem) -> int:
    """How many rounds of charges are worth their time: many for a model, one for 100,000 tangled units."""
    size = _size(problem)
    return int(np.clip(140_000 // size, 2 if size < 400_000 else 1, 12))


def _cuts(search: _Search, start: Ints, target: int, steps: int, name: str) -> float:
    """Exact cuts between one backend, on which `start` has everything, and `target`: a lower bound for these two."""
    problem, charges, bound = search.problem, even_charges(search.problem), 0.0
    for step in range(1, steps + 1):
        labels, rounding = best_move(problem, start, target, charges)
        charged = charged_cost(problem, labels, charges)
        bound = max(bound, charged - rounding)
        # What is charged never exceeds the true cost: a dearer one can't win.
        if charged < search.total:
            search.consider(f"{name}:{step}", labels)
        if search.total <= bound * (1 + ENOUGH) or step == steps:
            break
        charges = charges.mixed(critical_charges(problem, labels), 2 / (step + 2))
    return bound


def _expansions(search: _Search, useful: list[int]) -> None:
    """Moves in the order that suits the start: what has run away to fast backends is called back first."""
    problem, charges, steps = search.problem, even_charges(search.problem), _steps(search.problem)
    fast = [label for label in fastest_first(problem) if label in useful]
    slow = fast[::-1] * (2 if steps > 2 else 1)
    cheapest = problem.costs.argmin(axis=1).astype(np.int32)
    labels = _expanded(search, "expansion:cheapest", cheapest, charges, slow)
    # All from one backend, of the slower ones first, and from there to just one other: as many as the size allows.
    homes = [(label, home) for label in fast[::-1] if (home := single(problem, label)) is not None]
    for label, home in homes[: steps // 3]:
        labels = _expanded(search, f"expansion:{problem.backends[label]}", home, charges, fast * 2)
    labels = search.labels if steps > 2 else labels
    _refine(search, labels, charges, slow, "expansion")
    for label, home in homes[: steps // 6]:
        for target in fast:
            if target != label:
                _cuts(search, home, target, steps // 2, f"cut:{problem.backends[label]}+{problem.backends[target]}")
    if steps >= 6 and search.labels is not labels:
        _refine(search, search.labels, charges, slow, "again")


def _refine(search: _Search, labels: Ints, charges: Charges, turns: list[int], name: str) -> None:
    """Expansions with charges that follow where the launches are."""
    for step in range(2, _steps(search.problem) // 2 + 1):
        launch = evaluate(search.problem, labels).launch
        if charges.cost(search.problem, labels) >= launch * (1 - 1e-6):
            break  # all of the launch cost is charged already: other charges can't say more
        charges = charges.mixed(critical_charges(search.problem, labels), 2 / (step + 1))
        labels = _expanded(search, f"{name}:{step}", labels, charges, turns)


def _expanded(search: _Search, name: str, labels: Ints, charges: Charges, turns: list[int]) -> Ints:
    labels = expand(search.problem, labels, charges, turns)
    # What is charged never exceeds the true cost: a dearer one can't win, and pricing it takes longer than finding it.
    if charged_cost(search.problem, labels, charges) < search.total:
        search.consider(name, labels)
    return labels
