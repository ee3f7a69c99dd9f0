"""Timing a session as its users would see it: warm-up, then runs, with percentiles per segment and for the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from attrs import Factory, asdict, frozen

from zif.errors import UsageError
from zif.records import SupportsProfile

if TYPE_CHECKING:
    from zif.session import Session, Timing


@frozen
class Stats:
    """Wall-clock times in milliseconds."""

    mean: float
    p50: float
    p95: float
    p99: float
    min: float
    max: float

    @classmethod
    def of(cls, ms: Sequence[float]) -> Stats:
        """Mean, percentiles (linear interpolation, as numpy's) and extremes of at least one time."""
        p50, p95, p99 = np.percentile(ms, [50, 95, 99])
        return cls(*(round(float(x), 6) for x in (np.mean(ms), p50, p95, p99, min(ms), max(ms))))


@frozen
class SegmentProfile:
    """One segment: its times, and per unit or engine event in microseconds where the backend tells."""

    id: int
    backend: str
    kind: str
    toolchain: str
    units: tuple[str, ...]
    ms: Stats
    share: float
    events_us: Mapping[str, float] = Factory(dict)
    label: str = ""


@frozen
class Profile:
    """One profiled session.

    ms: latency of a whole run. throughput: runs per second, one after another. cpu_percent: processor time of this
    process and its workers over wall-clock time, 100 is one core. rss_mb and rss_delta_mb: resident memory after the
    runs and what it grew by during them, workers included, in MiB. backends_ms: median time by backend.
    overhead_ms: median of what lies between the segments (checks, transfers, bookkeeping).
    """

    model: str
    fingerprint: str
    target: str
    runs: int
    warmup: int
    ms: Stats
    throughput: float
    cpu_percent: float
    rss_mb: float
    rss_delta_mb: float
    backends_ms: Mapping[str, float]
    overhead_ms: float
    segments: tuple[SegmentProfile, ...]
    emulated: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The profile as the JSON document `zif.profile/1`."""
        return {"schema": "zif.profile/1", **asdict(self)}


def measure(
    session: Session,
    inputs: Mapping[str, Any],
    runs: int = 100,
    warmup: int = 10,
    tick: Callable[[], None] | None = None,
) -> Profile:
    """Profile a session on one set of inputs. `tick` is called after every run, for progress.

    Raises UsageError for fewer than one run, and what `session.run` raises.
    """
    if runs < 1 or warmup < 0:
        raise UsageError(f"profiling takes at least one run and no negative warm-up, not {runs} and {warmup}")
    for _ in range(warmup):
        session.run(inputs)
        if tick:
            tick()
    before, start = _usage(), perf_counter()
    totals, traces = _timed(session, inputs, runs, tick)
    wall, after = perf_counter() - start, _usage()
    return _profile(session, totals, traces, (runs, warmup, wall), before, after)


def _timed(
    session: Session, inputs: Mapping[str, Any], runs: int, tick: Callable[[], None] | None
) -> tuple[list[float], list[list[Timing]]]:
    totals, traces = [], []
    for _ in range(runs):
        trace: list[Timing] = []
        begin = perf_counter()
        session.run(inputs, trace=trace)
        totals.append((perf_counter() - begin) * 1e3)
        traces.append(trace)
        if tick:
            tick()
    return totals, traces


def _usage() -> tuple[float, float]:
    """Processor seconds and resident MiB of this process and its children."""
    this = psutil.Process()
    seconds, memory = 0.0, 0.0
    for process in (this, *this.children(recursive=True)):
        try:
            times = process.cpu_times()
            seconds += times.user + times.system
            memory += process.memory_info().rss / 2**20
        except psutil.Error:  # a child that ended meanwhile
            continue
    return seconds, memory


def _profile(
    session: Session,
    totals: Sequence[float],
    traces: Sequence[Sequence[Timing]],
    counts: tuple[int, int, float],
    before: tuple[float, float],
    after: tuple[float, float],
) -> Profile:
    runs, warmup, wall = counts
    plan = session.plan
    times = np.array([[timing.ms for timing in trace] for trace in traces]).reshape(runs, -1)
    segments = tuple(_segment(session, i, times[:, i], float(times.mean(axis=0).sum())) for i in range(times.shape[1]))
    backends = dict.fromkeys(segment.backend for segment in segments)
    return Profile(
        model=plan.model,
        fingerprint=plan.digest,
        target=plan.target,
        runs=runs,
        warmup=warmup,
        ms=Stats.of(totals),
        throughput=round(1e3 / float(np.mean(totals)), 3),
        cpu_percent=round(100 * (after[0] - before[0]) / wall, 1),
        rss_mb=round(after[1], 1),
        rss_delta_mb=round(after[1] - before[1], 1),
        backends_ms={name: _median(times, segments, name) for name in backends},
        overhead_ms=round(float(np.median(np.array(totals) - times.sum(axis=1))), 6),
        segments=segments,
        emulated=plan.emulated,
    )


def _median(times: np.ndarray[Any, Any], segments: Sequence[SegmentProfile], backend: str) -> float:
    columns = [i for i, segment in enumerate(segments) if segment.backend == backend]
    return round(float(np.median(times[:, columns].sum(axis=1))), 6)


def _segment(session: Session, index: int, ms: np.ndarray[Any, Any], total: float) -> SegmentProfile:
    step = session.steps[index]
    segment, executable = step.segment, step.executable
    toolchain = next((c.toolchain for c in session.plan.candidates if c.name == segment.backend), "")
    events = dict(executable.profile()) if isinstance(executable, SupportsProfile) else {}
    return SegmentProfile(
        id=segment.id,
        backend=segment.backend,
        kind=segment.kind,
        toolchain=toolchain,
        units=segment.units,
        ms=Stats.of(ms.tolist()),
        share=round(float(ms.mean()) / total, 4) if total else 0.0,
        events_us={name: round(float(us), 3) for name, us in events.items()},
        label=segment.label,
    )
