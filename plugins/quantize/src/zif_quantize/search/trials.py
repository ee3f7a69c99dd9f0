"""The bench of a search for precisions: each candidate is quantized, planned for its cost and run for its accuracy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import define, field
from zif import UsageError, ZifError

from zif_quantize.engine import quantize_model
from zif_quantize.measure import Judge, Reference
from zif_quantize.ort.libraries import named
from zif_quantize.recipes import Recipe
from zif_quantize.rewrites.prepare import whole
from zif_quantize.search.bitops import bit_operations
from zif_quantize.search.candidate import Candidate

if TYPE_CHECKING:
    import onnx
    from zif import Model, Plan, Session
    from zif.plugin import Function

    from zif_quantize.calibration.ranges import Ranges
    from zif_quantize.search.goal import AccuracyGoal

#: Where candidates run when no target is named: ONNX Runtime's CPU provider without optimizations.
REFERENCE = "reference"
#: What costs are measured in.
UNITS = {"latency": "us", "energy": "uj", "bitops": "bitops"}


@define
class Bench:
    """Makes and measures candidates, none twice.

    target: "" measures on the CPU reference and counts bit operations; else what is measured is the arithmetic of the
    plan for it. cost: "latency" or "energy", which that plan predicts, or "bitops"; "" is latency (energy under the
    policy "power"), and bit operations without a target. wishes: of `zif.load` (only, exclude, pin, …). recipes: what
    each name of a precision stands for. samples: what accuracy is measured on.
    """

    model: Model
    ranges: Ranges
    recipes: Mapping[str, Recipe | str]
    samples: Sequence[Mapping[str, Any]]
    goal: AccuracyGoal
    target: str = ""
    policy: str = "balanced"
    cost: str = ""
    wishes: Mapping[str, Any] = field(factory=dict)
    function: Function | None = None
    most: int = 64
    told: Callable[[str], None] = lambda _: None
    done: list[Candidate] = field(factory=list)
    _seen: dict[tuple[Any, ...], Candidate] = field(factory=dict)
    _judge: Judge | None = None
    _signal: dict[str, float] = field(factory=dict)

    @property
    def left(self) -> int:
        """How many more candidates may be measured."""
        return max(0, self.most - len(self.done))

    @property
    def counted(self) -> str:
        """What costs are: "latency", "energy" or "bitops"."""
        if self.cost or not self.target:
            return self.cost or "bitops"
        return "energy" if self.policy == "power" else "latency"

    @property
    def unit(self) -> str:
        """The unit of costs."""
        return UNITS[self.counted]

    def measure(self, levels: Mapping[str, str], role: str, reference: bool = False) -> Candidate:
        """Measure a mix (unit → name of its precision); on the CPU reference and without a cost if `reference` says so.

        A mix that cannot be quantized, planned or run is a candidate too, with its error.
        """
        arithmetic = REFERENCE if reference or not self.target else self.target
        key = (arithmetic, *sorted(levels.items()))
        if key not in self._seen:
            self.told(f"{role}: candidate {len(self.done) + 1} of at most {self.most}")
            begun = perf_counter()
            facts = self._tried(levels, arithmetic, reference)
            spent = round(perf_counter() - begun, 3)
            number = len(self.done) + 1
            facts["met"] = facts.get("met", False) and not reference
            made = Candidate(number, role, arithmetic, dict(levels), unit=self.unit, seconds=spent, **facts)
            self.done.append(made)
            self._seen[key] = made
        return self._seen[key]

    def quantized(self, levels: Mapping[str, str], ranges: Ranges | None = None) -> onnx.ModelProto:
        """The QDQ model of a mix, with other ranges if there are any; the float model where no unit is quantized."""
        counts = Counter(level for level in levels.values() if isinstance(self.recipes[level], Recipe))
        if not counts:
            return whole(self.model)
        base = max(self.recipes, key=lambda name: counts[name])
        overrides = {unit: self.recipes[level] for unit, level in levels.items() if level != base}
        return quantize_model(self.model, ranges or self.ranges, self.recipes[base], overrides)

    def allowed(self, beside: Candidate) -> dict[str, float]:
        """The energy of the error that each output may have under the goal's ratio; without one, a candidate's own.

        A candidate that could not be run has none: then it is as much as the signal's.
        """
        bound = self.goal.sqnr_db
        if bound is None:
            return dict(beside.noise or self._signal)
        return {name: energy * 10 ** (-bound / 10) for name, energy in self._signal.items()}

    def _tried(self, levels: Mapping[str, str], arithmetic: str, reference: bool) -> dict[str, Any]:
        try:
            proto = self.quantized(levels)
            if arithmetic == REFERENCE:
                return self._on_reference(proto) | ({"cost": math.nan} if reference else self._bits(levels))
            return self._on_target(proto, levels)
        except UsageError:
            raise  # a mistake of the caller's, such as one in the evaluation
        except ZifError as error:
            return {"cost": math.inf, "sqnr": {}, "noise": {}, "error": str(error)}

    def again(self, levels: Mapping[str, str], samples: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """SQNR in dB per float output of a mix on other samples, on the same arithmetic."""
        proto, judge = self.quantized(levels), Judge(self.model, samples)
        self.told("measuring what was chosen on samples that the search has not seen")
        if not self.target:
            return judge.sqnr(Reference(proto))
        with self._session(proto) as session:
            return judge.sqnr(session)

    def _session(self, proto: onnx.ModelProto) -> Session:
        import zif

        return zif.load(proto, self.target, self.policy, cache=False, **{"custom_ops": named(), **self.wishes})

    def _on_target(self, proto: onnx.ModelProto, levels: Mapping[str, str]) -> dict[str, Any]:
        with self._session(proto) as session:
            figures = self._accuracy(session) | self._metric(session)
            plan = session.plan
        place = {"backends": plan.backends, "emulated": plan.emulated, "segments": len(plan.segments)}
        return figures | self._verdict(figures) | place | self._predicted(plan, levels)

    def _predicted(self, plan: Plan, levels: Mapping[str, str]) -> dict[str, Any]:
        if self.counted == "bitops":
            return self._bits(levels)
        cost = plan.predicted.energy_uj if self.counted == "energy" else plan.predicted.latency_us
        return {"cost": cost, "unit_costs": unit_costs(plan)}

    def _bits(self, levels: Mapping[str, str]) -> dict[str, Any]:
        costs = bit_operations(self.model, {unit: self.recipes[level] for unit, level in levels.items()})
        return {"cost": sum(costs.values()), "unit_costs": costs}

    def _on_reference(self, proto: onnx.ModelProto) -> dict[str, Any]:
        figures = self._accuracy(Reference(proto))
        if self.function is not None and not self.target:
            import zif

            with zif.load(proto, "host", cache=False, custom_ops=named()) as session:
                figures |= self._metric(session)
        return figures | self._verdict(figures)

    def _accuracy(self, runner: Any) -> dict[str, Any]:
        """Noise and ratio per float output, against the float model on the CPU reference."""
        if self._judge is None:
            self._judge = Judge(self.model, self.samples)
        tallies = self._judge.tallies(runner)
        self._signal = {name: tally.energies[0] for name, tally in tallies.items()}
        noise = {name: tally.energies[1] for name, tally in tallies.items()}
        return {"sqnr": {name: tally.sqnr_db for name, tally in tallies.items()}, "noise": noise}

    def _metric(self, session: Any) -> dict[str, Any]:
        from zif.plugin import score

        return {"metric": score(self.function, session) if self.function else None}

    def _verdict(self, figures: Mapping[str, Any]) -> dict[str, bool]:
        return {"met": self.goal.met(min(figures["sqnr"].values(), default=math.inf), figures.get("metric"))}


def unit_costs(plan: Plan) -> dict[str, float]:
    """What the plan says of each unit where it runs; conversions have names of their own."""
    return {unit.name: unit.verdicts[unit.backend].cost_us or 0.0 for unit in plan.units}
