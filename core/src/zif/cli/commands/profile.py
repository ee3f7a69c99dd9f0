"""`zif profile`: how long each part takes here, kept for the next plan."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption

if TYPE_CHECKING:
    from zif.evaluation.profiling import Profile
    from zif.planning import Plan


@options.fed
@options.planned
def command(
    model: options.SourceArgument,
    feed: options.FeedOptions,
    runs: Annotated[int, typer.Option("--runs", "-n", min=1, help="How many runs are measured.")] = 100,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="How many runs go before, unmeasured.")] = 10,
    units: Annotated[bool, typer.Option(help="Also time units and processor use, in runs of their own.")] = True,
    keep: Annotated[
        bool, typer.Option(help="Keep what was measured on hardware for the next plan; never with --isolate.")
    ] = True,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write plan and measurement as an HTML page."),
    ] = None,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    isolate: options.IsolateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a model or a bundle: latency, throughput, processor use and memory, by backend, segment and unit."""
    from zif.cli.views import terminal
    from zif.evaluation.profiling import store

    if html is not None:
        from zif.cli.overwriting import check_outputs, read_by

        check_outputs([html], lambda: read_by(model, others=[wanted["config"]]))
    wanted |= {"target": target, "isolate": isolate}
    profile, plan, events, notes = _measure(model, feed, wanted, runs, warmup, units)
    # What goes to and from a worker process counts in its times: they are not those of a session without one.
    kept = None
    try:
        kept = store.save(profile) if keep and not isolate else None
    except OSError as error:  # no reason to lose what was measured
        terminal.note(f"not kept for the next plan: {error}; ZIF_DATA names another folder")
    if html is not None:
        from zif.cli.files import write_text
        from zif.report import plan_html

        write_text(html, plan_html(plan, profile.to_json()))
    if as_json:
        terminal.document(
            "profile", profile.to_json() | {"kept": str(kept) if kept else None, "events": events, "notes": notes}
        )
    else:
        from zif.cli.views.profile import show
        from zif.cli.views.run import tell_events

        show(profile)
        tell_events(events)
        for note in notes:
            terminal.say(f"note: {note}")
        if html is not None:
            terminal.say(f"wrote {html}")
        if kept:
            terminal.say("Kept: the next `zif plan` of this model on this machine uses these times.")


def _measure(
    model: Path, feed: options.FeedOptions, wanted: dict[str, Any], runs: int, warmup: int, units: bool
) -> tuple[Profile, Plan, list[dict[str, Any]], list[str]]:
    import attrs

    from zif.cli.running import opened, unsaid
    from zif.cli.views.progress import working
    from zif.evaluation.profiling import measure

    with working(f"loading {model.name}") as told:
        session, fed = opened(model, feed, wanted, told)
        with session:
            done, total = count(1), runs + warmup
            tick = lambda: told(f"run {now} of {total}" if (now := next(done)) <= total else "unit by unit")  # noqa: E731
            profile = measure(session, fed[0].read(), runs, warmup, tick, units)
    events = session.events  # after closing, which may be one, too
    told_events = [attrs.asdict(event) for event in events]
    return profile, session.plan, told_events, unsaid(session.plan, events)
