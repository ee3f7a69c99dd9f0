"""A profile on a terminal: the whole, by backend, by segment, the slowest units, and what could be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.cli.views.plan import KIND_STYLE, ROWS, WIDE
from zif.cli.views.terminal import say, table, width
from zif.files.wording import beyond, brief, duration, listed, ratio, size, things

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zif.evaluation.profiling import (
        BackendProfile,
        MemoryProfile,
        NodeRow,
        Profile,
        SegmentProfile,
        Stats,
        UnitTime,
    )

#: Rows of slow units and of engine events.
MOST = 10

_TIMES = ("mean", "p50", "p95", "p99")


def show(profile: Profile) -> None:
    """Print a profile."""
    _whole(profile)
    _backends(profile)
    _segments(profile)
    _units(profile)
    _nodes(profile)
    _events(profile)
    for suggestion in profile.suggestions:
        saves = f" (up to {suggestion.saves_ms:.3g} ms a run)" if suggestion.saves_ms else ""
        say(f"suggestion [{suggestion.code}]: {suggestion.text}{saves}")


def _whole(profile: Profile) -> None:
    ms = profile.ms
    say(f"{profile.model} on {profile.target}: {profile.runs} runs after {profile.warmup} to warm up", "bold")
    if profile.emulated:
        labels = {s.backend: s.label for s in profile.segments if s.label}
        names = ", ".join(f"{name}: {labels[name]}" if name in labels else name for name in profile.emulated)
        say(f"emulated here, not run on hardware: {names}; these times say nothing of the chip", KIND_STYLE["emulator"])
    times = f"mean {ms.mean:.3f}, p50 {ms.p50:.3f}, p95 {ms.p95:.3f}, p99 {ms.p99:.3f}, max {ms.max:.3f}"
    planned = f"; the plan said {duration(profile.predicted_us)}" if profile.predicted_us else ""
    say(f"latency ms: {times}{planned}")
    say(f"throughput {profile.throughput:g} runs/s, processor {profile.cpu_percent:g} % of one core")
    if profile.memory is not None:
        _memory(profile.memory)


def _memory(memory: MemoryProfile) -> None:
    """What this process and each worker hold: a worker's memory is gone with it, the host's is the user's own."""
    held = {"this process": memory.host} | {f"worker of {name}": worker for name, worker in memory.workers.items()}
    since = {"runs": "during the runs", "start": "since each process began, loading included"}.get(memory.peak_since)
    processes = [
        f"{name} {memory.rss_mb:g} ({memory.delta_mb:+g} by the runs"
        + (f", at the most {memory.peak_mb:g})" if memory.peak_mb is not None else ")")
        for name, memory in held.items()
    ]
    told = f"; the most is {since}" if since else "; this system does not tell the most"
    say(f"memory MiB: {', '.join(processes)}{told}")


def _backends(profile: Profile) -> None:
    """By backend, where that says more than the segments do; and what each holds by the plan."""
    if len(profile.backends) < len(profile.segments):
        rows = [_backend(name, backend) for name, backend in profile.backends.items()]
        columns = ("backend", "segments", "units", *_TIMES, "share", "CPU")
        table("ms by backend", columns, rows, right=columns[1:])
    for name, backend in profile.backends.items():
        if backend.memory is not None:
            held = backend.memory
            say(f"{name} holds {size(held.weights_bytes)} of weights, {size(held.activations_bytes)} of activations")


def _backend(name: str, backend_profile: BackendProfile) -> list[object]:
    style = KIND_STYLE["emulator" if backend_profile.emulated else "hardware"]
    return [
        (name, style),
        backend_profile.segments,
        backend_profile.units,
        *_ms(backend_profile.ms),
        f"{backend_profile.share:.1%}",
        f"{backend_profile.cpu_percent:.0f} %",
    ]


def _segments(profile: Profile) -> None:
    wide = width() >= WIDE
    columns: tuple[str, ...] = ("segment", "backend", "units", "p50", "p99", "share", "planned")
    if wide:
        columns = ("segment", "backend", "kind", "units", *_TIMES, "share", "CPU", "planned")
    rows = [_segment(segment, wide) for segment in profile.segments[:ROWS]]
    table("ms by segment", columns, rows, right=tuple(c for c in columns if c not in ("backend", "kind")))
    if len(profile.segments) > ROWS:
        say(beyond(len(profile.segments), ROWS, "segments; --json has them all"))
    say(f"between the segments: {profile.overhead_ms:.3f} ms a run")


def _segment(segment_profile: SegmentProfile, wide: bool) -> list[object]:
    """The row of a segment; on a narrow terminal what matters most."""
    style = KIND_STYLE["emulator" if segment_profile.kind == "emulator" else "hardware"]
    planned, share = (
        duration(segment_profile.predicted_us) if segment_profile.predicted_us else "–",
        f"{segment_profile.share:.0%}",
    )
    if not wide:
        return [
            segment_profile.id,
            (segment_profile.backend, style),
            len(segment_profile.units),
            *_ms(segment_profile.ms)[1::2],
            share,
            planned,
        ]
    kind = (segment_profile.label or segment_profile.kind, style)
    return [
        segment_profile.id,
        segment_profile.backend,
        kind,
        len(segment_profile.units),
        *_ms(segment_profile.ms),
        share,
        f"{segment_profile.cpu_percent:.0f} %",
        planned,
    ]


def _ms(stats: Stats) -> list[str]:
    return [f"{value:.3g}" for value in (stats.mean, stats.p50, stats.p95, stats.p99)]


def _units(profile: Profile) -> None:
    _slow("slowest units", profile.slowest, compared=True)
    if profile.slowest_emulated:
        _slow("units inside the emulator", profile.slowest_emulated, compared=False)
        say("their times are the emulator's own: what is dear there need not be on the chip, for which planned stands")
    for reason in dict.fromkeys(segment.untimed for segment in profile.segments if segment.untimed):
        where = [str(segment.id) for segment in profile.segments if segment.untimed == reason]
        say(f"no time by unit in {'segment' if len(where) == 1 else 'segments'} {listed(where, 5)}: {reason}")
    fused = sum(1 for s in profile.segments if s.units_us for name in s.units if name not in s.units_us)
    if fused:
        say(f"{things(fused, 'unit')} took no time: computed beforehand")


def _slow(title: str, units: Sequence[UnitTime], compared: bool) -> None:
    columns = (title, "operator", "backend", "took", "share", "planned", "to plan")
    kept = len(columns) if compared else len(columns) - 1
    rows = [
        [
            brief(unit.name, 28),
            unit.op_type,
            unit.backend,
            duration(unit.us),
            f"{unit.share:.1%}",
            duration(unit.predicted_us),
            ratio(unit.us, unit.predicted_us or 0.0),
        ][:kept]
        for unit in units[:MOST]
    ]
    if rows:
        table("", columns[:kept], rows, right=columns[3:kept])


def _nodes(profile: Profile) -> None:
    """What engines made of the nodes, most cycles first, where they tell it."""
    rows = [node for node in profile.nodes if node.operators]
    rows.sort(key=lambda node: -(node.cycles or 0.0))
    for emulated in (False, True):
        mine = [node for node in rows if node.emulated is emulated]
        cycles = "cycles (emulated)" if emulated else "cycles"
        columns = ("node", "operator", "verdict", "the engine's operators", cycles)
        cells = [
            (
                brief(node.name or "(added)", 24),
                node.op_type,
                _verdict(node),
                brief(_made(node), 44),
                _count(node.cycles),
            )
            for node in mine[:MOST]
        ]
        if cells:
            table("", columns, cells, right=(cycles,))
            if len(mine) > MOST:
                say(beyond(len(mine), MOST, "nodes and operators; --html FILE and --json have them all"))
    for note in dict.fromkeys(note for segment in profile.segments for note in segment.unmapped):
        say(f"note: {note}")


def _count(cycles: float | None) -> str:
    return "–" if cycles is None else f"{cycles:,.0f}"


def _verdict(node: NodeRow) -> str:
    return f"{node.code}, {node.basis}" if node.basis else node.code


def _made(node: NodeRow) -> str:
    with_ = f" (with {listed(node.others, 2)})" if node.others else ""
    return f"{', '.join(node.operators)}{with_}"


def _events(profile: Profile) -> None:
    """The longest parts inside segments, where a backend notes them in every run."""
    rows = [(us, s.id, s.backend, name) for s in profile.segments for name, us in s.events_us.items()]
    rows.sort(key=lambda row: -row[0])
    if rows:
        cells = [(name, segment, backend, f"{us:.1f}") for us, segment, backend, name in rows[:MOST]]
        table("what the engine noted", ("part", "segment", "backend", "µs"), cells, right=("segment", "µs"))
