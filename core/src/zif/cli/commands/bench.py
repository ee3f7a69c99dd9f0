"""`zif bench`: a model or a bundle under the load of a scenario of MLPerf's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.evaluation.scenarios import Load

ScenarioOption = Annotated[
    str, typer.Option("--scenario", metavar="NAME", help="single-stream, multi-stream, server or offline.")
]


@options.fed
@options.planned
def command(
    model: options.SourceArgument,
    feed: options.FeedOptions,
    scenario: ScenarioOption = "single-stream",
    seconds: Annotated[float, typer.Option("--seconds", min=0.0, help="How long at least.")] = 10.0,
    queries: Annotated[
        int, typer.Option("--queries", min=0, help="How many at least; 0: what the scenario needs.")
    ] = 0,
    qps: Annotated[
        float,
        typer.Option("--qps", min=0.0, help="Of server: queries a second; 0: half of what it does."),
    ] = 0.0,
    latency: Annotated[
        float, typer.Option("--latency-ms", min=0.001, help="Of server: what 99 % of queries must keep to.")
    ] = 100.0,
    streams: Annotated[int, typer.Option("--streams", min=1, help="Of multi-stream: samples in a query.")] = 8,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Threads that run the session.")] = 1,
    accuracy: Annotated[
        bool, typer.Option("--accuracy", help="Every input once, its outputs held against the CPU; no times.")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as an HTML page.")] = None,
    logs: Annotated[
        Path | None, typer.Option("--logs", metavar="DIR", help="Keep the load generator's logs there.")
    ] = None,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    isolate: options.IsolateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put a model or a bundle under load, by MLPerf's own generator; exit 1 for what is not valid or not right."""
    from zif.cli.files import write_text
    from zif.cli.overwriting import check_outputs
    from zif.cli.views import terminal
    from zif.cli.views.bench import show
    from zif.evaluation.scenarios import SCENARIOS, Load, generator

    if scenario not in SCENARIOS:
        raise UsageError(f"--scenario {scenario}: must be one of {', '.join(SCENARIOS)}")
    generator()  # before anything is compiled
    if html is not None:
        check_outputs([html], lambda: [model])
    if logs is not None:
        _check_logs(logs)
    load = Load(scenario, seconds, queries, qps, latency, streams, workers, accuracy)
    document = _benched(model, feed, wanted | {"target": target, "isolate": isolate}, load, logs)
    if html is not None:
        from zif.report.scenarios import bench_html

        write_text(html, bench_html(document))
    if as_json:
        terminal.document("bench", document)
    else:
        show(document)
        if html is not None:
            terminal.say(f"wrote {html}")
    wrong = document["accuracy"] and document["accuracy"]["word"] in ("wrong", "unholdable")
    if wrong or not document["outcome"]["valid"]:
        raise typer.Exit(1)


def _check_logs(logs: Path) -> None:
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--logs {logs}: {error.strerror}") from error


def _benched(
    source: Path, feed: options.FeedOptions, wanted: dict[str, Any], load: Load, logs: Path | None
) -> dict[str, Any]:
    import attrs

    from zif.cli.running import opened, unsaid
    from zif.cli.views.progress import working
    from zif.evaluation.scenarios import under_load
    from zif.evaluation.scenarios.rightness import no_result, rightness
    from zif.runtime import sources

    if load.accuracy and sources.is_bundle(source):
        raise UsageError("--accuracy holds outputs against the model's own, and a bundle has no model: give the model")
    with working(f"loading {source.name}") as told:
        session, fed = opened(source, feed, wanted, told)
        with session:
            samples = [sample.read() for sample in fed]
            told(f"{load.scenario}, {load.seconds:g} s at least")
            outcome, outputs = under_load(session, samples, load, logs)
            plan = session.plan
        told("holding outputs against the CPU" if load.accuracy else "done")
        right = rightness(source, wanted, plan, samples, outputs) if load.accuracy else None
    return {
        "model": plan.model,
        "target": plan.target,
        "backends": list(plan.backends),
        "emulated": list(plan.emulated),
        "no_result": no_result(plan),
        "outcome": outcome.to_json(),
        "accuracy": right,
        "events": [attrs.asdict(event) for event in session.events],
        "notes": unsaid(plan, session.events),
    }
