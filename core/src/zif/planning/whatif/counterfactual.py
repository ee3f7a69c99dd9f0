"""Counterfactuals: what a hypothesis would make of the plan, and which few changes would pay most.

The search re-solves the placement for every kind of refused unit (an operator, or all that one code refuses), from all
of a backend's kinds together down to the few that carry the gain. How often it solves depends on the size of the model
alone, never on the clock: equal input gives equal answers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from zif.planning.placement.graph import PlacementError
from zif.planning.plan import Counterfactual
from zif.planning.task import in_microjoules, in_microseconds, problem, weigh
from zif.planning.whatif.hypothesis import Change, suppose, wording

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zif.model import Unit
    from zif.planning.placement import Problem
    from zif.planning.planner import Placed, Planner
    from zif.records import Verdict

#: A change that saves less than this share of the plan's cost is not worth a line.
WORTH = 0.005

#: A smaller change that keeps this share of the gain stands for the larger one.
NEARLY = 0.95

#: At most so many kinds in one suggestion: "a few changes".
FEW = 3

#: Codes that are one cause for every operator they meet: one change lifts them all.
_ONE_CAUSE = {
    "dynamic-shape": "sizes are unknown, so this figure is a guess; where inputs are open, --shape fixes them",
    "precision": "priced in the precision that the backend has; what that does to the results, `zif compare` measures",
}


def what_if(planner: Planner, changes: Sequence[str]) -> Counterfactual:
    """What these changes together (see `Change`) would make of the plan. Raises UsageError, and Unsupported when a
    unit would have no home left."""
    guess = suppose(planner, changes)
    before, after = planner.place(), guess.planner.place()
    labels = after.solution.labels
    if all(change.takes for change in guess.changes):
        labels = _cheaper(after.task, labels, before.solution.labels)
    return _told(planner, guess.changes, guess.touched, before, after.task, labels, asked=True)


def counterfactuals(planner: Planner, limit: int = 5) -> tuple[Counterfactual, ...]:
    """The changes that would pay most, the best first: which backend would have to take what that it refuses now."""
    if planner.request.strict or not planner.model.units or len(planner.names) < 2:
        return ()
    search = _Search(planner, planner.place())
    changes = [change for k in range(len(planner.names)) for change in search.best_on(k)]
    changes.sort(key=lambda change: (change.cost, len(change.kinds), change.backend, change.kinds))
    return tuple(search.told(change) for change in changes[:limit])


@frozen(eq=False)
class _Change:
    """Kinds of refused units that a backend would take, the cost of the plan then, and where everything would run."""

    backend: int
    kinds: tuple[str, ...]
    cost: float
    task: Problem
    labels: NDArray[np.int32]


class _Search:
    """Re-solving with kinds of refused units allowed, as often as the size of the model permits."""

    def __init__(self, planner: Planner, placed: Placed) -> None:
        self.planner, self.placed = planner, placed
        self.base = placed.solution.cost.total
        self.left = 0
        self.costs, _ = weigh(planner.prices, planner.request.policy, planner.model)
        self.open_to = np.isfinite(placed.task.costs)
        self.solved: dict[tuple[int, tuple[str, ...]], _Change] = {}

    def best_on(self, k: int) -> list[_Change]:
        """The few changes on one backend that pay; none when even all of them together would not."""
        rows = self._kinds(k)
        self.left = int(np.clip(24_000 // len(self.planner.model.units), 4, 48))
        if not rows or not self._gain(everything := self._solve(k, rows, tuple(rows))):
            return []
        singles = sorted((self._solve(k, rows, (kind,)) for kind in rows), key=lambda change: -change.cost)
        order = [change.kinds[0] for change in singles]
        # From all of them, let go what carries little, the least promising first; then ever more.
        kept = everything
        for share in (NEARLY, 0.7, 0.4):
            kept = self._without(k, rows, kept, order, share)
        mine = [change for (label, _), change in self.solved.items() if label == k]
        few = [change for change in mine if len(change.kinds) <= FEW and self._gain(change)]
        worth = [change for change in few if not any(self._stands_for(other, change) for other in few)]
        return worth or [min(mine, key=lambda change: (change.cost, len(change.kinds)))]

    def _without(
        self, k: int, rows: dict[str, list[int]], start: _Change, order: Sequence[str], share: float
    ) -> _Change:
        """A part of the kinds that keeps this share of the gain; those of `order` are let go one after another."""
        kept = start
        for kind in order:
            if len(kept.kinds) > 1 and kind in kept.kinds and self.left > 0:
                fewer = self._solve(k, rows, tuple(other for other in kept.kinds if other != kind))
                if self._gain(fewer) >= share * self._gain(start):
                    kept = fewer
        return kept

    def _stands_for(self, other: _Change, change: _Change) -> bool:
        """Whether `other` makes `change` superfluous: a part of it that gains nearly as much."""
        smaller = set(other.kinds) < set(change.kinds)
        return smaller and self._gain(other) >= NEARLY * self._gain(change)

    def _gain(self, change: _Change) -> float:
        """What is saved under the policy; 0 when that is not worth a line."""
        saved = self.base - change.cost
        return saved if saved > WORTH * self.base else 0.0

    def _kinds(self, k: int) -> dict[str, list[int]]:
        """Rows of the units that the backend refuses, by what would have to change; the costliest kinds first."""
        kinds: dict[str, list[int]] = {}
        for row, unit in enumerate(self.planner.model.units):
            verdict = self.placed.verdicts[row][k]
            if not verdict.supported and unit.id not in self.placed.pins:
                code = f"code:{verdict.code}"
                kinds.setdefault(code if verdict.code in _ONE_CAUSE else unit.op_type, []).append(row)
        chosen = self.placed.solution.labels
        spent = {kind: float(self.costs[rows, chosen[rows]].sum()) for kind, rows in kinds.items()}
        return {kind: kinds[kind] for kind in sorted(kinds, key=lambda kind: (-spent[kind], kind))}

    def _solve(self, k: int, rows: dict[str, list[int]], kinds: tuple[str, ...]) -> _Change:
        """The plan if the backend took these kinds; what was solved for a part of them holds for all of them, too."""
        from zif.planning.placement import solve

        key = (k, kinds)
        if key in self.solved:
            return self.solved[key]
        open_to = self.open_to.copy()
        open_to[[row for kind in kinds for row in rows[kind]], k] = True
        planner = self.planner
        task, _ = problem(planner.model, planner.names, planner.prices, open_to, planner.request.policy)
        labels = self.placed.solution.labels
        if self.left > 0:
            self.left -= 1
            with suppress(PlacementError):  # nobody is told of a change that leads nowhere
                labels = _cheaper(task, solve(task).labels, labels)
        for (label, part), change in self.solved.items():
            if label == k and set(part) < set(kinds):
                labels = _cheaper(task, labels, change.labels)
        self.solved[key] = _Change(k, kinds, _total(task, labels), task, labels)
        return self.solved[key]

    def told(self, change: _Change) -> Counterfactual:
        """The change with its figures."""
        rows = self._kinds(change.backend)
        touched = [
            (self.planner.model.units[row], self.placed.verdicts[row][change.backend])
            for kind in change.kinds
            for row in rows[kind]
        ]
        changes = tuple(Change(self.planner.names[change.backend], True, kind) for kind in change.kinds)
        return _told(self.planner, changes, touched, self.placed, change.task, change.labels)


def _cheaper(task: Problem, labels: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.int32]:
    """A plan that was possible before still is when more is allowed: the cheaper of the two."""
    return labels if _total(task, labels) <= _total(task, other) else other


def _total(task: Problem, labels: NDArray[np.int32]) -> float:
    """The cost of a plan; infinite for one that is none when units stand together otherwise than before."""
    from zif.planning.placement import evaluate

    try:
        return evaluate(task, labels).total
    except PlacementError:
        return math.inf


def _told(
    planner: Planner,
    changes: tuple[Change, ...],
    touched: Iterable[tuple[Unit, Verdict]],
    before: Placed,
    task: Problem,
    labels: NDArray[np.int32],
    asked: bool = False,
) -> Counterfactual:
    pairs = list(touched)
    units = tuple(dict.fromkeys(unit.id for unit, _ in pairs))
    codes = Counter(verdict.code for _, verdict in pairs)
    base = before.solution.cost.total
    return Counterfactual(
        changes=tuple(map(str, changes)),
        text=wording(changes),
        units=units,
        op_types=dict(Counter(unit.op_type for unit, _ in pairs).most_common()),
        codes=dict(codes.most_common()),
        reason=pairs[0][1].reason,
        moved=int((labels != before.solution.labels).sum()),
        **_figures(planner, task, labels),
        cost_change=round(_total(task, labels) / base - 1, 6) if base else 0.0,
        asked=asked,
        note="; ".join(note for code, note in _ONE_CAUSE.items() if code in codes),
    )


def _figures(planner: Planner, task: Problem, labels: NDArray[np.int32]) -> dict[str, Any]:
    """What a placement comes to in microseconds, microjoules and bytes, whatever the policy weighs."""
    from zif.planning.placement import evaluate, segments

    segment = segments(task, labels)
    cost = evaluate(in_microseconds(task, planner.prices), labels, segment)
    energy = evaluate(in_microjoules(task, planner.prices), labels, segment).total
    return {
        "segments": cost.segments,
        "latency_us": round(cost.total, 3),
        "energy_uj": round(energy, 3),
        "transfer_bytes": int(cost.transfer_bytes),
    }


__all__ = ["counterfactuals", "what_if"]
