"""Running a session on its inputs, several times if asked, and what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.runtime.session import Event, Session, Timing


@frozen
class Outcome:
    """The outputs of the last run, and the milliseconds of every run: as a whole and by segment."""

    outputs: Mapping[str, Any]
    total_ms: tuple[float, ...]
    timings: tuple[tuple[Timing, ...], ...]


def repeated(session: Session, values: Mapping[str, Any], times: int) -> Outcome:
    """Run `times` times on the same inputs. Raises what `session.run` raises."""
    totals: list[float] = []
    timings: list[tuple[Timing, ...]] = []
    outputs: Mapping[str, Any] = {}
    for _ in range(times):
        trace: list[Timing] = []
        begun = perf_counter()
        outputs = session.run(values, trace=trace)
        totals.append((perf_counter() - begun) * 1e3)
        timings.append(tuple(trace))
    return Outcome(outputs, tuple(totals), tuple(timings))


def by_segment(session: Session, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Each segment with the median of its times; a run that took another path (a fallback) counts for where it ran."""
    spent: dict[tuple[int, str, str, str], list[float]] = {}
    for timing in (timing for outcome in outcomes for run in outcome.timings for timing in run):
        spent.setdefault((timing.segment, timing.backend, timing.kind, timing.label), []).append(timing.ms)
    units = {segment.id: len(segment.units) for segment in session.plan.segments}
    return [
        {
            "id": number,
            "backend": backend,
            "kind": kind,
            "label": label,
            "units": units.get(number, 0),
            "ms": round(median(ms), 4),
        }
        for (number, backend, kind, label), ms in spent.items()
    ]


def unsaid(plan: Plan, events: Sequence[Event]) -> list[str]:
    """Notes of the plan that no event repeats."""
    said = {f"{event.backend}: {event.text}" for event in events}
    return [note for note in plan.notes if note not in said]
