"""Timing a session as its users would see it: warm-up, then runs, with percentiles per segment and for the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, frozen

from zif.backends.blame import blaming
from zif.errors import UsageError
from zif.evaluation.profiling.advice import slowest, suggestions
from zif.evaluation.profiling.memory import MemoryProfile, Watch
from zif.evaluation.profiling.nodes import node_rows
from zif.evaluation.profiling.profile import BackendProfile, Profile, SegmentProfile, Stats
from zif.evaluation.profiling.segments import UNASKED, Part, examine, processor_seconds
from zif.records import SupportsProfile
from zif.runtime.session.repeated import repeated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zif.runtime.session import Session, Timing


def measure(
    session: Session,
    inputs: Mapping[str, Any],
    runs: int = 100,
    warmup: int = 10,
    tick: Callable[[], None] | None = None,
    units: bool = True,
) -> Profile:
    """Profile a session on one set of inputs. `tick` is called after every run, for progress.

    units: afterwards, run every segment by itself, for its processor use and the times of its units. Raises UsageError
    for fewer than one run, and what `session.run` raises.
    """
    if runs < 1 or warmup < 0:
        raise UsageError(f"profiling takes at least one run and no negative warm-up, not {runs} and {warmup}")
    for _ in range(warmup):
        session.run(inputs)
        if tick:
            tick()
    watch, before, start = Watch(), processor_seconds(), perf_counter()
    ran = repeated(session, inputs, runs, tick)
    wall, spent = perf_counter() - start, processor_seconds() - before
    seen = _Seen(ran.total_ms, _times(ran.timings), warmup, wall, spent, watch.read())
    return _profile(session, seen, examine(session, inputs, tick) if units else [])


@frozen(eq=False)
class _Seen:
    """What the runs gave: ms of each, float64[runs, segments], seconds of the clock and of processors, memory."""

    totals: Sequence[float]
    times: NDArray[np.float64]
    warmup: int
    wall: float
    spent: float
    memory: MemoryProfile


def _times(traces: Sequence[Sequence[Timing]]) -> NDArray[np.float64]:
    return np.array([[timing.ms for timing in trace] for trace in traces]).reshape(len(traces), -1)


def _profile(session: Session, seen: _Seen, examined: Sequence[Part]) -> Profile:
    plan, times = session.plan, seen.times
    total = float(times.mean(axis=0).sum())
    segments = tuple(
        _segment(session, i, times[:, i], total, examined[i] if examined else UNASKED) for i in range(times.shape[1])
    )
    backends = {name: _backend(session, times, segments, name) for name in dict.fromkeys(s.backend for s in segments)}
    profile = Profile(
        model=plan.model,
        fingerprint=plan.digest,
        target=plan.target,
        runs=len(seen.totals),
        warmup=seen.warmup,
        ms=Stats.of(seen.totals),
        throughput=round(1e3 / float(np.mean(seen.totals)), 3),
        cpu_percent=round(100 * seen.spent / seen.wall, 1),
        rss_mb=round(seen.memory.rss_mb, 1),
        rss_delta_mb=round(seen.memory.delta_mb, 1),
        backends_ms={name: backend.ms.p50 for name, backend in backends.items()},
        overhead_ms=round(float(np.median(np.array(seen.totals) - times.sum(axis=1))), 6),
        segments=segments,
        emulated=plan.emulated,
        predicted_us=plan.predicted.latency_us,
        backends=backends,
        slowest=slowest(plan, segments, "hardware"),
        slowest_emulated=slowest(plan, segments, "emulator"),
        nodes=node_rows(plan, segments),
        memory=seen.memory,
        drift=_drift(seen.totals),
    )
    return evolve(profile, suggestions=suggestions(plan, profile))


def _drift(totals: Sequence[float]) -> float:
    """The median of the last quarter over that of the first."""
    quarter = max(1, len(totals) // 4)
    first, last = float(np.median(totals[:quarter])), float(np.median(totals[-quarter:]))
    return round(last / first, 4) if first else 1.0


def _backend(
    session: Session, times: NDArray[np.float64], segments: Sequence[SegmentProfile], name: str
) -> BackendProfile:
    columns = [i for i, segment in enumerate(segments) if segment.backend == name]
    mine = [segments[i] for i in columns]
    wall = sum(segment.ms.mean for segment in mine)
    return BackendProfile(
        segments=len(mine),
        units=sum(len(segment.units) for segment in mine),
        ms=Stats.of(times[:, columns].sum(axis=1).tolist()),
        share=round(sum(segment.share for segment in mine), 4),
        cpu_percent=round(sum(segment.cpu_percent * segment.ms.mean for segment in mine) / wall, 1) if wall else 0.0,
        emulated=mine[0].kind == "emulator",
        memory=session.plan.predicted.memory.get(name),
    )


def _segment(session: Session, index: int, ms: NDArray[np.float64], total: float, part: Part) -> SegmentProfile:
    step = session.steps[index]
    segment, executable = step.segment, step.executable
    toolchain = next((c.toolchain for c in session.plan.candidates if c.name == segment.backend), "")
    events: dict[str, float] = {}
    if isinstance(executable, SupportsProfile):
        with blaming(step.who, "profile"):
            events = {str(name): round(float(us), 3) for name, us in executable.profile().items()}
    return SegmentProfile(
        id=segment.id,
        backend=segment.backend,
        kind=segment.kind,
        toolchain=toolchain,
        units=segment.units,
        ms=Stats.of(ms.tolist()),
        share=round(float(ms.mean()) / total, 4) if total else 0.0,
        events_us=events,
        label=segment.label,
        predicted_us=segment.latency_us,
        cpu_percent=part.cpu_percent,
        units_us=part.units_us,
        other_us=part.other_us,
        untimed=part.untimed,
        operators=part.operators,
        unmapped=part.unmapped,
    )
