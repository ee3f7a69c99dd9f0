"""Automatic mixed precision: the least costly mix of precisions that meets a goal, every step of it measured.

First all units have one precision. Between the cheapest precision that misses the goal and the cheapest that meets it,
each group of units is lowered alone, which gives its noise; those with the least noise per saving are lowered, as many
as the goal allows, found by bisection over measured candidates; then what is left is tried by halves. The cost is the
plan's, so that a precision that makes a unit leave its processor, or needs conversions, pays for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen
from zif import UsageError

from zif_quantize.assign import FLOAT
from zif_quantize.groups import Group, groups
from zif_quantize.recipes import Recipe, check_known, recipe
from zif_quantize.rewrites.prepare import prepare
from zif_quantize.rules import prepared_by
from zif_quantize.search.candidate import Candidate, frontier, ratios, table
from zif_quantize.search.goal import AccuracyGoal
from zif_quantize.search.sensitivity import Sensitivity, ladder, saving, sensitivity
from zif_quantize.search.trials import UNITS, Bench

if TYPE_CHECKING:
    import onnx
    from zif.plugin import Function, QuantizationRules, Source

    from zif_quantize.calibration.ranges import Ranges

#: So many candidates are held against samples that the search has not seen.
AGAIN = 4
#: The precisions that are mixed, from the cheapest on.
LEVELS = ("w8a8", "w8a16", FLOAT)


@frozen(eq=False)
class Mixed:
    """What a search found: the QDQ model of the cheapest candidate that meets the goal, and every candidate.

    `met`: whether any does, on fresh samples, too; if none does, `chosen` is the most accurate, or what met it but
    there. `groups`: the units that were chosen together. `sensitivities` in the order in which groups were lowered.
    `spent`: whether the search ended because it had measured as many candidates as it might. `fresh`: SQNR in dB per
    float output of the chosen one on samples that the search has not seen; empty without any.
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
    fresh: Mapping[str, float] = field(factory=dict)

    def uniform(self, level: str) -> Candidate | None:
        """The candidate in which every unit has this precision; None when it was not measured."""
        return next(
            (
                candidate
                for candidate in self.candidates
                if candidate.role == "uniform" and set(candidate.counts) == {level}
            ),
            None,
        )

    def csv(self) -> str:
        """Every candidate as a table, with those on the frontier marked."""
        return table(self.candidates, self.frontier, self.levels)

    def to_json(self) -> dict[str, Any]:
        """The search as data: goal, choice with the precision of every unit, candidates, frontier, sensitivities."""
        rows = [
            {"group": s.group.name, "units": list(s.group.units), "burden": s.burden, "saving": s.saving}
            for s in self.sensitivities
        ]
        return {
            "goal": str(self.goal),
            "met": self.met,
            "spent": self.spent,
            "levels": list(self.levels),
            "chosen": self.chosen.to_json() | {"levels": dict(self.chosen.levels)},
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "frontier": [candidate.number for candidate in self.frontier],
            "groups": len(self.groups),
            "sensitivities": rows,
            "fresh": ratios(self.fresh),
        }


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
    fresh: Sequence[Mapping[str, Any]] = (),
    final: Callable[[], Ranges] | None = None,
    **wishes: Any,
) -> Mixed:
    """Search for the least costly mix of precisions whose accuracy meets `goal`.

    ranges: from `calibrate` on the same model. samples: inputs by name, to measure on; best such that calibration has
    not seen. target: whose arithmetic and cost count; "" takes the CPU reference and bit operations. cost: "latency",
    "energy" or "bitops"; "" is the plan's latency, or its energy under the policy "power". levels: precisions from the
    cheapest on, by name or with recipes of your own. most: how many candidates may be measured; groups of units are
    joined so that their sensitivities take half of them. on_reference: measure sensitivities on the CPU reference,
    which is faster than an emulator; the candidates that count are measured on the target all the same. fresh: samples
    beside those, to measure the chosen candidate on once more: what was chosen by a figure is a little worse than that,
    and where it misses the goal there, candidates with more to spare are tried. final: gives the ranges that the model
    has in the end; None takes `ranges`. wishes: those of `zif.load` (only, exclude, pin, emulate, config), for the
    target. Raises UsageError for a goal with a metric without `function`, no samples, and what quantizing raises.
    """
    if goal.metric is not None and function is None:
        raise UsageError("a goal for the metric needs the function that gives it: --eval FILE.py:FUNCTION")
    if not samples:
        raise UsageError("there are no samples to measure accuracy on")
    model = prepare(source, target=target, only=wishes.get("only") or ())
    rules = prepared_by(model)
    known = {name: _level(name, rules) for name in levels} if not isinstance(levels, Mapping) else levels
    if cost and (cost not in UNITS or (cost != "bitops" and not target)):
        raise UsageError(f"cost {cost!r}: must be latency or energy, which take a target, or bitops")
    told = progress or (lambda _: None)
    bench = Bench(model, ranges, known, samples, goal, target, policy, cost, wishes, function, most, told)
    searched = groups(model, max(1, (most - len(known)) // 2))
    if not searched:
        raise UsageError(f"{model.name} has no unit whose precision could be chosen")
    return _Search(bench, searched, on_reference, fresh, final).result()


def _level(name: str, rules: QuantizationRules) -> Recipe | str:
    check_known(name, FLOAT)
    return name if name == FLOAT else recipe(name, rules)


@define
class _Search:
    bench: Bench
    parts: Sequence[Group]
    on_reference: bool
    fresh: Sequence[Mapping[str, Any]] = ()
    final: Callable[[], Ranges] | None = None
    order: list[Sensitivity] = field(factory=list)

    def result(self) -> Mixed:
        uniform = [self.bench.measure(self._all(level), "uniform") for level in self.bench.recipes]
        low, good = uniform[0], [candidate for candidate in uniform if candidate.met]
        if good and not low.met:
            high = min(good, key=lambda candidate: candidate.cost)
            self._rank(low, high)
            best = self._prune(self._bisect(low, high), low)
            for between in (candidate for candidate in uniform[1 : uniform.index(high)] if candidate.cost < high.cost):
                best = self._soften(best, self._level(high), between)
        return self._chosen()

    def _chosen(self) -> Mixed:
        bench = self.bench
        goal = bench.goal.metric
        rated = [candidate for candidate in bench.done if not candidate.error and not math.isnan(candidate.cost)]
        if not rated:
            raise UsageError(f"no candidate could be made: {bench.done[0].error}")
        good = [candidate for candidate in rated if candidate.met]
        best = (
            min(good, key=lambda candidate: (candidate.cost, -candidate.sqnr_db))
            if good
            else max(rated, key=self._accuracy)
        )
        best, fresh, met = self._held(best, good)
        kept = frontier(rated, goal is not None, goal is not None and goal.at_most)
        return Mixed(
            model=bench.quantized(best.levels, self.final() if self.final else None),
            chosen=best,
            met=met,
            goal=bench.goal,
            candidates=tuple(bench.done),
            frontier=tuple(kept),
            groups=tuple(self.parts),
            sensitivities=tuple(self.order),
            levels=tuple(bench.recipes),
            spent=bench.left == 0,
            fresh=fresh,
        )

    def _held(self, best: Candidate, good: Sequence[Candidate]) -> tuple[Candidate, Mapping[str, float], bool]:
        """The cheapest candidate that meets the goal on fresh samples as well, its figures there, and whether it does.

        What misses it there gives way to the cheapest that has as much more than the goal as was missing.
        """
        if not self.fresh:
            return best, {}, bool(good)
        least, first = self.bench.goal.sqnr_db, best
        fresh = missed = self.bench.again(best.levels, self.fresh)
        for left in reversed(range(AGAIN)):
            worst = min(fresh.values(), default=math.inf)
            if least is None or worst >= least or not good:
                return best, fresh, bool(good)
            good = [candidate for candidate in good if candidate.sqnr_db > best.sqnr_db]
            if not good or not left:
                break
            spare = [candidate for candidate in good if candidate.sqnr_db >= 2 * least - worst]
            best = (
                min(spare, key=lambda candidate: (candidate.cost, -candidate.sqnr_db))
                if spare
                else max(good, key=self._accuracy)
            )
            fresh = self.bench.again(best.levels, self.fresh)
        return first, missed, False

    def _accuracy(self, candidate: Candidate) -> tuple[float, float]:
        """How near a candidate that misses the goal comes to it."""
        goal = self.bench.goal.metric
        metric = (
            0.0 if goal is None or candidate.metric is None else -candidate.metric if goal.at_most else candidate.metric
        )
        return metric, candidate.sqnr_db

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
        least = sum(max(0.0, group.saving) for group in self.order) / max(1, len(self.order)) / 100
        self.order.sort(
            key=lambda sensitivity: (sensitivity.burden / max(sensitivity.saving, least or 1.0), sensitivity.group.name)
        )

    def _level(self, uniform: Candidate) -> str:
        return next(iter(uniform.levels.values()))

    def _bisect(self, low: Candidate, high: Candidate) -> Candidate:
        """Lower as much as still meets the goal, going by the ladder of sets; gives the cheapest mix that does."""
        level, best, allowed = self._level(low), high, self.bench.allowed(low)
        sets = ladder(self.order, high, allowed)
        own = sum(self._expected(groups, high, allowed) <= 1 for groups in sets)  # as many as fit without stretching
        good, bad, guess, step = -1, len(sets), max(0, own - 1), 1
        while bad - good > 1 and self.bench.left:
            tried = self.bench.measure(self._with(high, sets[guess], level), "search")
            good, bad = (guess, bad) if tried.met else (good, guess)
            best = tried if tried.met and tried.cost <= best.cost else best
            ahead = guess + step if tried.met else guess - step
            step *= 2
            guess = ahead if good < ahead < bad else (good + bad) // 2
        return best

    def _expected(self, lowered: Sequence[Group], high: Candidate, allowed: Mapping[str, float]) -> float:
        """The part of the allowed noise that lowering these groups should use up if noises simply add up."""
        noise = dict(high.noise)
        for alone in self.order:
            if alone.group in lowered:
                noise = {name: energy + alone.noise.get(name, 0.0) for name, energy in noise.items()}
        return max(
            (energy / allowed[name] if allowed[name] else math.inf for name, energy in noise.items()), default=0.0
        )

    def _prune(self, best: Candidate, low: Candidate) -> Candidate:
        """Lower what is still at the higher precision, the least sensitive groups first."""
        level = self._level(low)
        rest = [
            sensitivity.group
            for sensitivity in self.order
            if any(best.levels[unit] != level for unit in sensitivity.group.units)
        ]
        return self._lower(best, rest, level)

    def _soften(self, best: Candidate, level: str, between: Candidate) -> Candidate:
        """Take what is still at the higher precision to one between."""
        high = [
            sensitivity.group
            for sensitivity in self.order
            if any(best.levels[unit] == level for unit in sensitivity.group.units)
        ]
        return self._lower(best, high, self._level(between))

    def _lower(self, best: Candidate, part: Sequence[Group], level: str) -> Candidate:
        """Take these groups to a precision, all at once if that meets the goal and costs no more, else by halves."""
        if not part or not self.bench.left:
            return best
        tried = self.bench.measure(self._with(best, part, level), "pruning")
        if tried.met and tried.cost <= best.cost:
            return tried
        if len(part) == 1:
            return best
        middle = (len(part) + 1) // 2
        return self._lower(self._lower(best, part[:middle], level), part[middle:], level)
