"""What a plan comes to in the few figures of a row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from zif.plugin import operators

from zif_sweep.rows import Part, Refusal

if TYPE_CHECKING:
    from zif import Plan

#: Parts and refusals of a plan that a row keeps; the plan itself is `zif plan MODEL --target T --json`.
MOST = 12


def of_plan(plan: Plan) -> dict[str, Any]:
    """The fields of a row that a plan fills."""
    predicted = plan.predicted
    return {
        "latency_us": predicted.latency_us,
        "energy_uj": predicted.energy_uj,
        "transfer_bytes": predicted.transfer_bytes,
        "units": len(plan.units),
        "segments": len(plan.segments),
        "coverage": coverage(plan),
        "backends": plan.backends,
        "emulated": bool(plan.emulated),
        "parts": _segments(plan),
        "refusals": _refusals(plan),
    }


def coverage(plan: Plan) -> float:
    """The share of the multiply-accumulates (of the units, where there are none) that an accelerator does."""
    accelerators = {candidate.name for candidate in plan.candidates if candidate.processor != "cpu"}
    weights = {unit.name: unit.macs for unit in plan.units}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    whole = sum(weights.values())
    done = sum(weights[unit.name] for unit in plan.units if unit.backend in accelerators)
    return done / whole if whole else 0.0


def _segments(plan: Plan) -> tuple[Part, ...]:
    kinds = {unit.name: unit.op_type for unit in plan.units}
    rows = [
        Part(
            segment.backend,
            segment.label,
            len(segment.units),
            segment.latency_us,
            operators(kinds[name] for name in segment.units),
        )
        for segment in plan.segments[:MOST]
    ]
    return tuple(rows)


def _refusals(plan: Plan) -> tuple[Refusal, ...]:
    """Of units on the CPU: the word of each accelerator, most units first."""
    cpu = {candidate.name for candidate in plan.candidates if candidate.processor == "cpu"}
    counts: Counter[tuple[str, str]] = Counter()
    reasons: dict[tuple[str, str], str] = {}
    for unit in plan.units:
        for name, verdict in unit.verdicts.items() if unit.backend in cpu else ():
            if name not in cpu and not verdict.supported:
                counts[name, verdict.code] += 1
                reasons.setdefault((name, verdict.code), verdict.reason)
    return tuple(Refusal(*place, reasons[place], number) for place, number in counts.most_common(MOST))
