"""A profile on a terminal: the whole, by backend, by segment, the slowest units, and what could be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.cli.views.plan import KIND_STYLE, ROWS, WIDE
from zif.cli.views.terminal import say, table, width
from zif.wording import beyond, brief, duration, ratio, size, things

if TYPE_CHECKING:
    from zif.evaluation.profiling import BackendProfile, Profile, SegmentProfile, Stats

#: Rows of slow units and of engine events.
MOST = 10

_TIMES = ("mean", "p50", "p95", "p99")


def show(profile: Profile) -> None:
    """Print a profile."""
    _whole(profile)
    _backends(profile)
    _segments(profile)
    _units(profile)
    _events(profile)
    for one in profile.suggestions:
        saves = f" (up to {one.saves_ms:.3g} ms a run)" if one.saves_ms else ""
        say(f"suggestion: {one.text}{saves}")


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
    say(
        f"throughput {profile.throughput:g} runs/s, processor {profile.cpu_percent:g} % of one core, "
        f"memory {profile.rss_mb:g} MiB ({profile.rss_delta_mb:+g} during the runs)"
    )


def _backends(profile: Profile) -> None:
    """By backend, where that says more than the segments do; and what each holds by the plan."""
    if len(profile.backends) < len(profile.segments):
        rows = [_backend(name, one) for name, one in profile.backends.items()]
        columns = ("backend", "segments", "units", *_TIMES, "share", "CPU")
        table("ms by backend", columns, rows, right=columns[1:])
    for name, one in profile.backends.items():
        if one.memory is not None:
            held = one.memory
            say(f"{name} holds {size(held.weights_bytes)} of weights, {size(held.activations_bytes)} of activations")


def _backend(name: str, one: BackendProfile) -> list[object]:
    style = KIND_STYLE["emulator" if one.emulated else "hardware"]
    return [(name, style), one.segments, one.units, *_ms(one.ms), f"{one.share:.1%}", f"{one.cpu_percent:.0f} %"]


def _segments(profile: Profile) -> None:
    wide = width() >= WIDE
    columns: tuple[str, ...] = ("segment", "backend", "units", "p50", "p99", "share", "planned")
    if wide:
        columns = ("segment", "backend", "kind", "units", *_TIMES, "share", "CPU", "planned")
    rows = [_segment(one, wide) for one in profile.segments[:ROWS]]
    table("ms by segment", columns, rows, right=tuple(c for c in columns if c not in ("backend", "kind")))
    if len(profile.segments) > ROWS:
        say(beyond(len(profile.segments), ROWS, "segments; --json has them all"))
    say(f"between the segments: {profile.overhead_ms:.3f} ms a run")


def _segment(one: SegmentProfile, wide: bool) -> list[object]:
    """The row of a segment; on a narrow terminal what matters most."""
    style = KIND_STYLE["emulator" if one.kind == "emulator" else "hardware"]
    planned, share = duration(one.predicted_us) if one.predicted_us else "–", f"{one.share:.0%}"
    if not wide:
        return [one.id, (one.backend, style), len(one.units), *_ms(one.ms)[1::2], share, planned]
    kind = (one.label or one.kind, style)
    return [one.id, one.backend, kind, len(one.units), *_ms(one.ms), share, f"{one.cpu_percent:.0f} %", planned]


def _ms(stats: Stats) -> list[str]:
    return [f"{value:.3g}" for value in (stats.mean, stats.p50, stats.p95, stats.p99)]


def _units(profile: Profile) -> None:
    rows = [
        [
            brief(one.name, 28),
            one.op_type,
            one.backend,
            duration(one.us),
            f"{one.share:.1%}",
            duration(one.predicted_us),
            ratio(one.us, one.predicted_us or 0.0),
        ]
        for one in profile.slowest[:MOST]
    ]
    if rows:
        columns = ("slowest units", "operator", "backend", "took", "share", "planned", "to plan")
        table("", columns, rows, right=columns[3:])
    fused = sum(1 for s in profile.segments if s.units_us for name in s.units if name not in s.units_us)
    if fused:
        say(f"{things(fused, 'unit')} took no time: computed beforehand")


def _events(profile: Profile) -> None:
    """The longest parts inside segments, where a backend notes them in every run."""
    rows = [(us, s.id, s.backend, name) for s in profile.segments for name, us in s.events_us.items()]
    rows.sort(key=lambda row: -row[0])
    if rows:
        cells = [(name, segment, backend, f"{us:.1f}") for us, segment, backend, name in rows[:MOST]]
        table("what the engine noted", ("part", "segment", "backend", "µs"), cells, right=("segment", "µs"))
