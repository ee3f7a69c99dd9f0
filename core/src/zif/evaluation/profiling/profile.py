"""What a profile holds: times of the whole, of backends, segments and units, and what could be done about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import Factory, asdict, frozen

from zif.evaluation.profiling.memory import MemoryProfile
from zif.planning.plan import Memory
from zif.records import EngineOperator


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
    """One segment: its times, and what was seen inside where the backend tells.

    share: of the time of all segments, by means. predicted_us: what the plan said. cpu_percent: processor time over
    wall-clock time while it ran by itself, its worker included, 100 is one core. units_us: microseconds by unit, from
    runs of their own with instruments, so that they may add up to more than the segment takes; units that the engine
    fused share one time as their predicted costs are to each other, and one that was computed beforehand has none.
    other_us: what the engine did besides, by its names. events_us: what the backend noted
    in the last run. untimed: why there is no time by unit, one sentence; "" where there is. operators: the
    engine's own, where it tells them; unmapped: what is not known of them, and why.
    """

    id: int
    backend: str
    kind: str
    toolchain: str
    units: tuple[str, ...]
    ms: Stats
    share: float
    events_us: Mapping[str, float] = Factory(dict)
    label: str = ""
    predicted_us: float = 0.0
    cpu_percent: float = 0.0
    units_us: Mapping[str, float] = Factory(dict)
    other_us: Mapping[str, float] = Factory(dict)
    untimed: str = ""
    operators: tuple[EngineOperator, ...] = ()
    unmapped: tuple[str, ...] = ()

    @property
    def real(self) -> bool:
        """Whether these are times of what was planned for: not an emulator's, nor a CPU's in the place of a chip's."""
        return self.kind == "hardware" and not self.label

    @property
    def parts_us(self) -> dict[str, float]:
        """Microseconds by unit as shares of the segment's median time; empty where units were not timed."""
        timed = sum(self.units_us.values())
        return {name: 1e3 * self.ms.p50 * self.units_us.get(name, 0.0) / timed for name in self.units} if timed else {}


@frozen
class BackendProfile:
    """All segments of one backend together. memory: what the plan says that it holds, None where the plan is older."""

    segments: int
    units: int
    ms: Stats
    share: float
    cpu_percent: float
    emulated: bool
    memory: Memory | None = None


@frozen
class UnitTime:
    """One unit: its part of the segment's median time in microseconds, and what the plan said it would take."""

    name: str
    op_type: str
    segment: int
    backend: str
    us: float
    share: float
    predicted_us: float | None


@frozen
class NodeRow:
    """A node of the model beside the operators that an engine made of it; or one that a compiler added by itself.

    name: the unit's; "" for what was added. code, basis: the verdict by which it is on this backend. operators: what
    the engine calls them, its type before its name. others: units whose nodes are in the same operators. cycles: the
    sum over the operators, counted with the first of several units; None where nothing was counted, 0 where
    it ran inside a neighbour. us: its part of the segment's median time. emulated: both are an emulator's own.
    """

    name: str
    op_type: str
    segment: int
    backend: str
    emulated: bool
    code: str
    basis: str
    operators: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    cycles: float | None = None
    us: float | None = None
    predicted_us: float | None = None


@frozen
class Suggestion:
    """Something to do about a profile. saves_ms: at most so much a run; None where no figure says."""

    code: str
    text: str
    saves_ms: float | None = None


@frozen
class Profile:
    """One profiled session.

    ms: latency of a whole run. throughput: runs per second, one after another. cpu_percent: processor time of this
    process and its workers over wall-clock time, 100 is one core. rss_mb and rss_delta_mb: resident memory after the
    runs and what it grew by during them, workers included, in MiB. backends_ms: median time by backend.
    overhead_ms: median of what lies between the segments (checks, transfers, bookkeeping). slowest: units that were
    timed on hardware, the slowest first; slowest_emulated: those inside emulators, whose times are the emulator's own.
    nodes: every unit with the operators that its engine made of it, and what compilers added; see `NodeRow`.
    memory: of the host process and of each worker apart, with the most that each held; None in older documents.
    drift: the median of the last quarter of the runs over that of the first; more than 1 where clocks fall with heat.
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
    predicted_us: float = 0.0
    backends: Mapping[str, BackendProfile] = Factory(dict)
    slowest: tuple[UnitTime, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    slowest_emulated: tuple[UnitTime, ...] = ()
    nodes: tuple[NodeRow, ...] = ()
    memory: MemoryProfile | None = None
    drift: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """The profile as the JSON document `zif.profile/1`."""
        return {"schema": "zif.profile/1", **asdict(self)}
