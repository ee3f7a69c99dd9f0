"""Automatic mixed precision: the least costly mix of precisions that meets a goal, every step of it measured.

First all units have one precision. Between the cheapest precision that misses the goal and the cheapest that meets it,
each group of units is lowered alone, which gives its noise; sorted by noise per saving, as many groups are lowered as
the goal allows, found by bisection over measured candidates; then one more group at a time is tried. The cost is the
plan's, so that a precision that makes a unit leave its processor, or needs conversions, pays for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from zif.errors import UsageError
from zif.quantization.assign import FLOAT
from zif.quantization.candidate import Candidate, frontier
from zif.quantization.goal import AccuracyGoal
from zif.quantization.groups import Group, groups
from zif.quantization.prepare import prepare
from zif.quantization.recipe import Recipe, recipe
from zif.quantization.sensitivity import Sensitivity, fits, saving, sensitivity
from zif.quantization.trials import UNITS, Bench

if TYPE_CHECKING:
    import onnx

    from zif.api import Source
    from zif.evaluating import Function
    from zif.quantization.calibration import Ranges

#: The precisions that are mixed, from the cheapest on.
LEVELS = ("w8a8", "w8a16", FLOAT)


@frozen(eq=False)
class Mixed:
    """What a search found: the QDQ model of the cheapest candidate that meets the goal, and every candidate.

    `met`: whether any does; if none does, `chosen` is the most accurate. `groups`: the units that were chosen together.
    `sensitivities` in the order in which groups were lowered. `spent`: whether the search ended because it had measured
    as many candidates as it might.
    """

    model: onnx.ModelProto = field(repr=False)
    chosen: Candidate
    met: bool
    goal: AccuracyGoal
    candidates: tuple[Candidate, ...] = field(repr=False)
    frontier: tuple[Candidate, ...] = field(repr=False)
    groups: tuple[Group, ...] = field(repr=False)
    sensitivities: tuple[Sensitivity, ...] = field(repr=False)
    levels: tuple[str, ...]
    spent: bool


def mixed_precision(
    source: Source,
    ranges: Ranges,
    samples: Sequence[Mapping[str, Any]],
    goal: AccuracyGoal,
    *,
    target: str = "",
    policy: str = "balanced",
    cost: str = "",
    levels: Mapping[str, Recipe | str] | Sequence[str] = LEVELS,
    function: Function | None = None,
    most: int = 64,
    on_reference: bool = False,
    progress: Callable[[str], None] | None = None,
    **wishes: Any,
) -> Mixed:
    """Search for the least costly mix of precisions whose accuracy meets `goal`.

    ranges: from `calibrate` on the same model. samples: inputs by name, to measure on; best such that calibration has
    not seen. target: whose arithmetic and cost count; "" takes the CPU reference and bit operations. cost: "latency",
    "energy" or "bitops"; "" is the plan's latency, or its energy under the policy "power". levels: precisions
    from the cheapest on, by name or with recipes of your own. most: how many candidates may be measured; groups of
    units are joined so that their sensitivities take half of them. on_reference: measure sensitivities on the CPU
    reference, which is faster than an emulator; the candidates that count are measured on the target all the same.
    wishes: those of `zif.load` (only, exclude, pin, emulate, config), for the target.
    Raises UsageError for a goal with a metric without `function`, no samples, and what quantizing raises.
    """
    if goal.metric is not None and function is None:
        raise UsageError("a goal for the metric needs the function that gives it: --eval FILE.py:FUNCTION")
    if not samples:
        raise UsageError("there are no samples to measure accuracy on")
    model = prepare(source)
    known = (
        {name: name if name == FLOAT else recipe(name) for name in levels}
        if not isinstance(levels, Mapping)
        else levels
    )
    if cost and (cost not in UNITS or (cost != "bitops" and not target)):
        raise UsageError(f"cost {cost!r}: must be latency or energy, which take a target, or bitops")
    told = progress or (lambda _: None)
    bench = Bench(model, ranges, known, samples, goal, target, policy, cost, wishes, function, most, told)
    parts = groups(model, max(1, (most - len(known)) // 2))
    if not parts:
        raise UsageError(f"{model.name} has no unit whose precision could be chosen")
    return _Search(bench, parts, on_reference).result()


@define
class _Search:
    bench: Bench
    parts: Sequence[Group]
    on_reference: bool
    order: list[Sensitivity] = field(factory=list)

    def result(self) -> Mixed:
        uniform = [self.bench.measure(self._all(level), "uniform") for level in self.bench.recipes]
        low, good = uniform[0], [one for one in uniform if one.met]
        if good and not low.met:
            high = min(good, key=lambda one: one.cost)
            self._rank(low, high)
            best = self._prune(self._bisect(low, high), low)
            for between in (one for one in uniform[1 : uniform.index(high)] if one.cost < high.cost):
                best = self._soften(best, self._level(high), between)
        return self._chosen()

    def _chosen(self) -> Mixed:
        bench = self.bench
        goal = bench.goal.metric
        rated = [one for one in bench.done if not one.error and not math.isnan(one.cost)]
        if not rated:
            raise UsageError(f"no candidate could be made: {bench.done[0].error}")
        good = [one for one in rated if one.met]
        best = min(good, key=lambda one: (one.cost, -one.sqnr_db)) if good else max(rated, key=self._accuracy)
        kept = frontier(rated, goal is not None, goal is not None and goal.at_most)
        return Mixed(
            model=bench.quantized(best.levels),
            chosen=best,
            met=bool(good),
            goal=bench.goal,
            candidates=tuple(bench.done),
            frontier=tuple(kept),
            groups=tuple(self.parts),
            sensitivities=tuple(self.order),
            levels=tuple(bench.recipes),
            spent=bench.left == 0,
        )

    def _accuracy(self, one: Candidate) -> tuple[float, float]:
        """How near a candidate that misses the goal comes to it."""
        goal = self.bench.goal.metric
        metric = 0.0 if goal is None or one.metric is None else -one.metric if goal.at_most else one.metric
        return metric, one.sqnr_db

    def _all(self, level: str) -> dict[str, str]:
        return {unit: level for group in self.parts for unit in group.units}

    def _with(self, base: Candidate, lowered: Sequence[Group], level: str) -> dict[str, str]:
        return {**base.levels, **{unit: level for group in lowered for unit in group.units}}

    def _rank(self, low: Candidate, high: Candidate) -> None:
        """Lower each group alone, and put the groups into the order of noise per saving.

        Where the lower precision costs more as a whole, only those groups count that cost less there.
        """
        level, against = self._level(low), high
        if self.on_reference and self.bench.target:
            against = self.bench.measure(high.levels, "sensitivity", reference=True)
        allowed = self.bench.allowed(low)
        for group in self.parts:
            if self.bench.left <= 1:
                break
            if low.cost >= high.cost and saving(group, high, low) <= 0:
                continue
            alone = self.bench.measure(self._with(high, [group], level), "sensitivity", self.on_reference)
            self.order.append(sensitivity(group, alone, against, saving(group, high, low), allowed))
        least = sum(max(0.0, one.saving) for one in self.order) / max(1, len(self.order)) / 100
        self.order.sort(key=lambda one: (one.burden / max(one.saving, least or 1.0), one.group.name))

    def _level(self, uniform: Candidate) -> str:
        return next(iter(uniform.levels.values()))

    def _bisect(self, low: Candidate, high: Candidate) -> Candidate:
        """Lower as many groups, in order, as still meet the goal; gives the cheapest mix that does."""
        level, best = self._level(low), high
        good, bad = 0, len(self.order) + (len(self.order) < len(self.parts))
        guess = min(max(1, fits(self.order, high, self.bench.allowed(low))), bad - 1)
        step = 1
        while bad - good > 1 and self.bench.left:
            lowered = [one.group for one in self.order[:guess]]
            tried = self.bench.measure(self._with(high, lowered, level), "search")
            good, bad = (guess, bad) if tried.met else (good, guess)
            best = tried if tried.met and tried.cost <= best.cost else best
            ahead = guess + step if tried.met else guess - step
            step *= 2
            guess = ahead if good < ahead < bad else (good + bad) // 2
        return best

    def _prune(self, best: Candidate, low: Candidate) -> Candidate:
        """Lower one more group at a time, the most promising first, as long as the goal is met and it costs less."""
        level = self._level(low)
        for one in self.order:
            if not self.bench.left:
                break
            if all(best.levels[unit] == level for unit in one.group.units):
                continue
            tried = self.bench.measure(self._with(best, [one.group], level), "pruning")
            best = tried if tried.met and tried.cost <= best.cost else best
        return best

    def _soften(self, best: Candidate, level: str, between: Candidate) -> Candidate:
        """Take what is still at the higher precision to one between, all at once or else one group at a time."""
        middle = self._level(between)
        at = [one.group for one in self.order if any(best.levels[unit] == level for unit in one.group.units)]
        for part in [at, *([one] for one in at)] if len(at) > 1 else [[one] for one in at]:
            if not self.bench.left or best.levels[part[0].units[0]] != level:
                break
            tried = self.bench.measure(self._with(best, part, middle), "pruning")
            best = tried if tried.met and tried.cost < best.cost else best
        return best
