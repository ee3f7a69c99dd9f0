"""Each segment by itself: processor use, and the times of its units where the backend can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import psutil
from attrs import frozen

from zif.backends.blame import blaming
from zif.errors import BackendUnavailable
from zif.records import EngineOperator, SupportsOperators, SupportsUnitTimes

if TYPE_CHECKING:
    from zif.planning import UnitPlan
    from zif.records import Arrays, OperatorTrace
    from zif.runtime.session import Session, Step

#: A segment is repeated for so many seconds or so often, whichever comes first, and once at least.
_SECONDS, _RUNS = 0.2, 50


@frozen
class Part:
    """What was seen of one segment; see `zif.evaluation.profiling.profile.SegmentProfile`."""

    cpu_percent: float
    units_us: Mapping[str, float]
    other_us: Mapping[str, float]
    untimed: str = ""
    operators: tuple[EngineOperator, ...] = ()
    unmapped: tuple[str, ...] = ()


#: What is seen of a segment that nobody looked into.
UNASKED = Part(0.0, {}, {}, "not looked into: --no-units was asked for")


def examine(session: Session, inputs: Mapping[str, Any], tick: Callable[[], None] | None = None) -> list[Part]:
    """Every segment on what it is handed in a run on these inputs. Raises what the backends raise."""
    segments = []
    for step, stage in session.stages(inputs):
        call = lambda step=step, handed=stage: step.executable.run(handed)  # noqa: E731
        with blaming(step.who, "run"):
            cpu_percent, each = _repeated(call)
        often = max(1, min(20, int(5 * _SECONDS / each)))
        told, unmapped, untimed = _told(session, step, stage, often)
        timed = _shares(told) if told else {}
        if not timed and not untimed:
            timed, untimed = _timed(step, stage, often)
        known, other = _by_unit(session, step, timed)
        if not known and not untimed:
            untimed = f"{step.segment.backend} noted no time of any unit"
        segments.append(Part(cpu_percent, known, other, untimed, told, unmapped))
        if tick:
            tick()
    return segments


def _told(
    session: Session, step: Step, handed: Arrays, runs: int
) -> tuple[tuple[EngineOperator, ...], tuple[str, ...], str]:
    """The engine's own operators, what is not known of them, or why there are none; nothing where it cannot tell."""
    if not isinstance(step.executable, SupportsOperators):
        return (), (), ""
    try:
        with blaming(step.who, "operators"):
            trace = step.executable.operators(handed, runs)
            return _own(trace, _homes(session, step)), tuple(str(note) for note in trace.notes), ""
    except BackendUnavailable as error:
        return (), (), str(error)


def _own(trace: OperatorTrace, homes: Mapping[str, str]) -> tuple[EngineOperator, ...]:
    """The operators in plain types, with those of their units that the segment has.

    One of which the engine tells the name only is the unit's that is called so, or that makes what is called so.
    """
    plain = [
        EngineOperator(
            str(operator.name),
            str(operator.op_type),
            tuple(
                dict.fromkeys(
                    homes[name] for name in (operator.units if operator.op_type else (operator.name,)) if name in homes
                )
            ),
            None if operator.cycles is None else float(operator.cycles),
            None if operator.us is None else round(float(operator.us), 3),
        )
        for operator in trace.operators
    ]
    return tuple(plain)


def _shares(operators: Sequence[EngineOperator]) -> dict[str, float]:
    """Microseconds by the last unit of each operator; of what is no unit's, by the engine's own name in brackets."""
    timed: dict[str, float] = {}
    for operator in operators:
        if operator.us:
            key = operator.units[-1] if operator.units else f"({operator.op_type or operator.name})"
            timed[key] = timed.get(key, 0.0) + operator.us
    return timed


def _timed(step: Step, handed: Arrays, runs: int) -> tuple[dict[str, float], str]:
    """Microseconds by part as the backend tells them, or why it tells none."""
    if not isinstance(step.executable, SupportsUnitTimes):
        return {}, f"{step.segment.backend} has no way to time its units (zif.SupportsUnitTimes)"
    try:
        with blaming(step.who, "unit_times"):
            told = step.executable.unit_times(handed, runs)
            timed = {str(name): float(us) for name, us in told.items()}
    except BackendUnavailable as error:
        return {}, str(error)
    return timed, ""


def _repeated(call: Callable[[], Any]) -> tuple[float, float]:
    """(processor time over wall-clock time in percent, seconds of one run)."""
    workers, runs = psutil.Process().children(recursive=True), 0
    theirs = _seconds(workers)
    own, start = process_time(), perf_counter()
    while runs == 0 or (runs < _RUNS and perf_counter() - start < _SECONDS):
        call()
        runs += 1
    wall, spent = max(perf_counter() - start, 1e-9), process_time() - own
    return round(100 * (spent + _seconds(workers) - theirs) / wall, 1), wall / runs


def _seconds(processes: Sequence[psutil.Process]) -> float:
    """Processor seconds of other processes, as finely as the system tells; one that ended counts for nothing."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _by_unit(session: Session, step: Step, timed: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The times by unit, and those of parts that are none. A part goes by its unit's name, or by an output of it."""
    homes = _homes(session, step)
    known: dict[str, float] = {}
    other: dict[str, float] = {}
    for name, us in timed.items():
        home = homes.get(name)
        place, key = (other, name) if home is None else (known, home)
        place[key] = place.get(key, 0.0) + us
    return shared_out(_units(session, step), known), other


def _units(session: Session, step: Step) -> list[UnitPlan]:
    members = set(step.segment.units)
    return [unit for unit in session.plan.units if unit.name in members]


def _homes(session: Session, step: Step) -> dict[str, str]:
    """The units of a segment, by their names and those of what they make."""
    units = _units(session, step)
    return {name: unit.name for unit in units for name in unit.outputs} | {unit.name: unit.name for unit in units}


def shared_out(units: Sequence[UnitPlan], timed: Mapping[str, float]) -> dict[str, float]:
    """The times with those of fused units split: as the plan's costs are to each other, for nothing better is known.

    A unit without a time of its own was fused into the one that reads it or, without such a one, that made its input.
    """
    owner = {name: name for name in timed}
    makers = {name: unit.name for unit in units for name in unit.outputs}
    readers = {name: unit.name for unit in reversed(units) for name in unit.inputs}
    for unit in reversed(units):
        into = (owner.get(readers.get(name, "")) for name in unit.outputs)
        owner.setdefault(unit.name, next(filter(None, into), ""))
    for unit in units:
        if not owner[unit.name]:
            owner[unit.name] = next(filter(None, (owner.get(makers.get(name, "")) for name in unit.inputs)), "")
    costs = {unit.name: max(_cost(unit), 1e-3) for unit in units}
    whole: dict[str, float] = {}
    for name, home in owner.items():
        whole[home] = whole.get(home, 0.0) + costs[name]
    return {
        name: round(timed[home] * costs[name] / whole[home], 3) for name, home in owner.items() if home and whole[home]
    }


def _cost(unit: UnitPlan) -> float:
    verdict = unit.verdicts.get(unit.backend)
    return verdict.cost_us or 0.0 if verdict is not None else 0.0


def processor_seconds() -> float:
    """Processor seconds of this process and its children."""
    return process_time() + _seconds(psutil.Process().children(recursive=True))
