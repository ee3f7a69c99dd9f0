"""`zif profile`: how long each part takes here, kept for the next plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import wishes
from zif.cli.commands.run import InputOption, ListOption, PreprocessOption, RandomOption, Source
from zif.cli.wishes import JsonOption

if TYPE_CHECKING:
    from zif.profiling import Profile


@wishes.planned
def command(
    model: Source,
    inputs: InputOption = [],  # noqa: B006 - typer reads the default and never changes it
    input_list: ListOption = None,
    random: RandomOption = None,
    preprocess: PreprocessOption = "",
    runs: Annotated[int, typer.Option("--runs", "-n", min=1, help="How many runs are measured.")] = 100,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="How many runs go before, unmeasured.")] = 10,
    keep: Annotated[bool, typer.Option(help="Keep what was measured on hardware for the next plan.")] = True,
    target: wishes.TargetOption = "host",
    wanted: wishes.Wishes = {},  # noqa: B006 - filled in by `planned`
    isolate: wishes.IsolateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a model or a bundle: latency, throughput, processor use and memory, by backend and by segment."""
    from zif.cli import output
    from zif.cli.feeding import Wanted
    from zif.profiling import store

    wanted |= {"target": target, "isolate": isolate}
    profile = _measure(model, Wanted(inputs, input_list, random, preprocess), wanted, runs, warmup)
    kept = store.save(profile) if keep else None
    if as_json:
        output.document("profile", profile.to_json() | {"kept": str(kept) if kept else None})
    else:
        _show(profile)
        if kept:
            output.say("Kept: the next `zif plan` of this model on this machine uses these times.")


def _measure(model: Any, given: Any, wanted: dict[str, Any], runs: int, warmup: int) -> Profile:
    from zif.cli.commands.run import _opened
    from zif.cli.progress import working
    from zif.profiling import measure

    with working(f"loading {model.name}") as told:
        session, fed = _opened(model, given, wanted, told)
        with session:
            done = iter(range(1, runs + warmup + 1))
            tick = lambda: told(f"run {next(done)} of {runs + warmup}")  # noqa: E731
            return measure(session, fed[0].read(), runs, warmup, tick)


def _show(profile: Profile) -> None:
    from zif.cli import output

    ms = profile.ms
    output.say(f"{profile.model} on {profile.target}: {profile.runs} runs after {profile.warmup} to warm up")
    if profile.emulated:
        labels = {s.backend: s.label for s in profile.segments if s.label}
        names = ", ".join(f"{name}: {labels[name]}" if name in labels else name for name in profile.emulated)
        output.say(f"emulated here, not run on hardware: {names}; these times say nothing of the chip", "yellow")
    output.say(
        f"latency ms: mean {ms.mean:.3f}, p50 {ms.p50:.3f}, p95 {ms.p95:.3f}, p99 {ms.p99:.3f}, max {ms.max:.3f}"
    )
    output.say(
        f"throughput {profile.throughput:g} runs/s, processor {profile.cpu_percent:g} % of one core, "
        f"memory {profile.rss_mb:g} MiB ({profile.rss_delta_mb:+g} during the runs)"
    )
    rows = [
        (
            s.id,
            s.backend,
            s.label or s.kind,
            len(s.units),
            f"{s.ms.mean:.3f}",
            f"{s.ms.p50:.3f}",
            f"{s.ms.p95:.3f}",
            f"{s.share:.1%}",
        )
        for s in profile.segments
    ]
    columns = ("segment", "backend", "kind", "units", "mean ms", "p50 ms", "p95 ms", "share")
    output.table("", columns, rows, right=("segment", "units", "mean ms", "p50 ms", "p95 ms", "share"))
    output.say(f"between the segments: {profile.overhead_ms:.3f} ms a run")
    _events(profile)


def _events(profile: Profile, most: int = 10) -> None:
    """The longest parts inside segments, where a backend tells."""
    from zif.cli import output

    rows = [(us, s.id, s.backend, name) for s in profile.segments for name, us in s.events_us.items()]
    rows.sort(key=lambda row: -row[0])
    if rows:
        table = [(name, segment, backend, f"{us:.1f}") for us, segment, backend, name in rows[:most]]
        output.table("slowest parts", ("part", "segment", "backend", "µs"), table, right=("segment", "µs"))
