"""Constraints as verdicts: where a unit may not run for the precision or the memory that the caller asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from attrs import evolve

from zif.errors import UsageError
from zif.files.wording import size
from zif.planning.constraints import EVERYONE, PRECISIONS, Constraints
from zif.planning.costs.precisions import on_processor, width
from zif.records import Verdict

if TYPE_CHECKING:
    from zif.model import Model, Unit
    from zif.planning.candidates.participants import Participant, Participants
    from zif.records import Target

#: Operators that change how a value is written: they compute nothing, so no precision is theirs.
_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast", "CastLike"})


def constrained(participants: Participants, model: Model, target: Target, wishes: Constraints) -> Participants:
    """The backends with their verdicts, refused where the constraints or the options given do not allow a unit.

    Raises UsageError for a memory limit of a backend that takes no part.
    """
    strange = sorted(set(wishes.memory_limit) - {EVERYONE} - {candidate.name for candidate in participants.candidates})
    if strange:
        known = ", ".join(candidate.name for candidate in participants.candidates)
        raise UsageError(f"memory_limit names the backend {strange[0]!r}, which is not installed; known: {known}")
    by_name = {
        name: _constrained(participant, model, target, wishes) for name, participant in participants.by_name.items()
    }
    return evolve(participants, by_name=by_name)


def _constrained(participant: Participant, model: Model, target: Target, wishes: Constraints) -> Participant:
    limit = wishes.memory_limit.get(participant.backend.name, wishes.memory_limit.get(EVERYONE))
    if not (participant.precisions or wishes.min_precision or limit):
        return participant
    words = {
        unit.id: refusal
        for unit in model.units
        if (refusal := _refused(participant, unit, target, wishes.min_precision, limit)) is not None
    }
    return participant.after("limits", words)


def _refused(participant: Participant, unit: Unit, target: Target, floor: str, limit: int | None) -> Verdict | None:
    used = computed_in(participant, unit, target)
    if used and participant.precisions and used not in participant.precisions:
        allowed = " and ".join(participant.precisions)
        return Verdict(False, code="precision", reason=f"would be computed in {used}; its options allow {allowed}")
    if used and floor and _rank(used) < _rank(floor):
        own = " (the model itself is quantized so)" if _quantized(unit) else ""
        return Verdict(False, code="precision", reason=f"would be computed in {used}{own}, below the floor of {floor}")
    narrow = width(used) / width(unit.precision) if used and not _quantized(unit) else 1.0
    values, weights = (unit.bytes or 0) * narrow, unit.weight_bytes * narrow
    needed = values + weights
    if limit is not None and needed > limit:
        sizes = f"{size(values)} of inputs and outputs, {size(weights)} of weights"
        return Verdict(False, code="memory", reason=f"needs {size(needed)} ({sizes}); the limit is {size(limit)}")
    return None


def computed_in(participant: Participant, unit: Unit, target: Target) -> str:
    """The arithmetic that a backend uses for a unit, under its options; "" where there is none, as with indices."""
    if unit.op_type in _CONVERSIONS and len(unit.nodes) == 1:
        return ""
    quantized = _quantized(unit)
    if unit.precision not in PRECISIONS or (unit.precision.startswith("int") and not quantized):
        return ""
    known = participant.capabilities
    rates = known.rates or target.processors.get(known.processor)
    offered: Iterable[str] = rates.macs_per_s if rates is not None else ()
    used = on_processor(unit.precision, tuple(offered), known.preferred_precision)
    if unit.precision == "fp64" and known.preferred_precision == "fp32" and "fp64" in offered:
        return "fp64"  # priced as fp32, computed as it is
    # Values stay as coarse as the model has them, whatever they are computed in.
    return min(used, unit.precision, key=_rank) if quantized else used


def _quantized(unit: Unit) -> bool:
    return len(unit.nodes) > 1 or unit.op_type.startswith("QLinear") or unit.op_type.endswith("Integer")


def _rank(precision: str) -> int:
    return PRECISIONS.index(precision) if precision in PRECISIONS else len(PRECISIONS)
