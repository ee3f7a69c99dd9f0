"""The model's nodes beside the operators that engines made of them: several of one, one of several, or added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from zif.evaluation.profiling.profile import NodeRow, SegmentProfile

if TYPE_CHECKING:
    from zif.planning import Plan, UnitPlan
    from zif.records import EngineOperator


def node_rows(plan: Plan, segments: Sequence[SegmentProfile]) -> tuple[NodeRow, ...]:
    """Every unit of the plan in its order; behind those of a segment what its compiler added."""
    units = {unit.name: unit for unit in plan.units}
    return tuple(row for segment in segments for row in _of(segment, units))


def _of(segment: SegmentProfile, units: Mapping[str, UnitPlan]) -> Iterator[NodeRow]:
    made: dict[str, list[EngineOperator]] = {name: [] for name in segment.units}
    for operator in segment.operators:
        for name in operator.units:
            made[name].append(operator)
    times = segment.parts_us
    for name in segment.units:
        yield _row(units[name], segment, made[name], times.get(name))
    for operator in segment.operators:
        if not operator.units:
            yield _added(segment, operator)


def _row(unit: UnitPlan, segment: SegmentProfile, made: Sequence[EngineOperator], us: float | None) -> NodeRow:
    verdict = unit.verdicts.get(unit.backend)
    counted = [operator.cycles for operator in made if operator.cycles is not None and operator.units[0] == unit.name]
    return NodeRow(
        unit.name,
        unit.op_type,
        segment.id,
        segment.backend,
        segment.kind == "emulator",
        verdict.code if verdict else "",
        verdict.basis if verdict else "",
        tuple(_called(operator) for operator in made),
        tuple(dict.fromkeys(name for operator in made for name in operator.units if name != unit.name)),
        sum(counted) if counted else None,
        None if us is None else round(us, 3),
        verdict.cost_us if verdict else None,
    )


def _added(segment: SegmentProfile, operator: EngineOperator) -> NodeRow:
    whole = sum(segment.units_us.values()) + sum(segment.other_us.values())
    us = None if operator.us is None or not whole else round(1e3 * segment.ms.p50 * operator.us / whole, 3)
    return NodeRow(
        name="",
        op_type=operator.op_type or operator.name,
        segment=segment.id,
        backend=segment.backend,
        emulated=segment.kind == "emulator",
        code="",
        basis="",
        operators=(_called(operator),),
        cycles=operator.cycles,
        us=us,
    )


def _called(operator: EngineOperator) -> str:
    return f"{operator.op_type} {operator.name}" if operator.op_type else operator.name
