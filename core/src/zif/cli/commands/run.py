"""`zif run`: a model or a bundle on given inputs: outputs, where it ran, how long, what was emulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.cli.shapes import one_size
from zif.cli.sizes import BucketOptions, sized
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.cli.inputs import Feed
    from zif.planning import Plan
    from zif.runtime.measures import Figures
    from zif.runtime.session import Session
    from zif.runtime.session.repeated import Outcome

OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write each output there as .npy.")
]
TrustedOption = Annotated[
    bool, typer.Option("--trusted-only", help="Refuse what your own zif did not make: bundles of others, models.")
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--trusted-key", metavar="KEY.pem", help="Refuse what this key (its public half will do) did not sign."
    ),
]
FaultOption = Annotated[
    str, typer.Option("--on-fault", help="fail, or fallback: a segment that fails moves to another backend.")
]
StartOption = Annotated[
    str, typer.Option("--start", metavar="cpu", help="Run on the CPU at once, and on the target when it is ready.")
]


@sized
@options.fed
@options.planned
def command(
    model: options.SourceArgument,
    feed: options.FeedOptions,
    sizes: BucketOptions = BucketOptions(),  # noqa: B008 - filled in by `sized`
    output: OutputOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="Write raw data instead of .npy.")] = False,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Run so often; times are medians.")] = 1,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    isolate: options.IsolateOption = False,
    trusted_only: TrustedOption = False,
    trusted_key: KeyOption = None,
    on_fault: FaultOption = "fail",
    no_cache: options.NoCacheOption = False,
    start: StartOption = "",
    trace: Annotated[
        Path | None,
        typer.Option("--trace", metavar="FILE", help="Write what ran when: .pftrace (Perfetto), .json (Chrome)."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Hold what an emulator gives against the CPU.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Run a model or a bundle on files or random values. Exit 1 for numbers that an emulator computed wrongly."""
    if raw and output is None:
        raise UsageError("--raw says how to write outputs, --output where; give both")
    if on_fault not in ("fail", "fallback"):
        raise UsageError(f"--on-fault {on_fault}: must be fail or fallback")
    if start not in ("", "cpu"):
        raise UsageError(f"--start {start}: must be cpu, or be left out")
    wanted |= {"start": start, "target": target, "on_fault": on_fault, "cache": not no_cache, "isolate": isolate}
    wanted |= {"trusted_only": trusted_only, "trusted_key": trusted_key}
    with _traced(trace, model):
        document = _run(model, feed, wanted, repeat, output, raw, verify, sizes)
    document["trace"] = str(trace) if trace is not None else None
    _tell(document, as_json)
    if document["agreement"] and document["agreement"]["word"] in ("wrong", "unholdable"):
        raise typer.Exit(1)


@contextmanager
def _traced(place: Path | None, source: Path) -> Iterator[None]:
    """What is done within it is written as a timeline; also where it fails, which is when one wants to see it."""
    if place is None:
        yield
        return
    from zif.cli.overwriting import check_outputs
    from zif.runtime.timeline import check_ending, traced

    check_ending(place)
    check_outputs([place], lambda: [source])
    with traced() as timeline:
        try:
            yield
        finally:
            timeline.save(place)


def _run(
    source: Path,
    feed: options.FeedOptions,
    wanted: dict[str, Any],
    repeat: int,
    output: Path | None,
    raw: bool,
    verify: bool,
    sizes: BucketOptions,
) -> dict[str, Any]:
    from time import perf_counter

    from zif.cli.running import bucket_of, opened
    from zif.cli.views.progress import working
    from zif.runtime import sources
    from zif.runtime.session.repeated import repeated

    bundle = sources.is_bundle(source)
    with working(f"loading {source.name}") as told:
        begun = perf_counter()
        session, fed = opened(source, feed, wanted, told, sizes)
        load_ms = (perf_counter() - begun) * 1e3
        with session:
            _check(output, source, session, fed, raw)
            outcomes: list[Outcome] = []
            results = []
            for values in fed:
                told(f"running {values.folder or source.name}")
                inputs = values.read()
                outcomes.append(repeated(session, inputs, repeat))
                results.append(_result(values, outcomes[-1], output, raw) | {"bucket": bucket_of(session, inputs)})
        document = _document(session, outcomes, results, load_ms)  # after closing, which may be an event, too
        checked = verify and bool(document["emulated"]) and not bundle
        agreed = _agreement(source, wanted, session.plan, fed, outcomes, told) if checked else None
        return document | {"bundle": bundle, "agreement": agreed}


def _agreement(
    source: Path, wanted: dict[str, Any], plan: Plan, fed: Sequence[Feed], outcomes: Sequence[Outcome], told: Any
) -> dict[str, Any]:
    """What an emulator gave, held against the CPU on the same inputs; where that cannot be, why."""
    from zif.errors import ZifError
    from zif.model import Model
    from zif.runtime.packages import model_file
    from zif.runtime.verification.agreement import agreement

    told("holding it against the CPU")
    runs = ((feed.read(), outcome.outputs) for feed, outcome in zip(fed, outcomes, strict=True))
    try:
        file = model_file(source, wanted["target"])
        agreed = agreement(Model.load(file, one_size(wanted["shapes"]), wanted.get("custom_ops", ())), plan, runs)
    except ZifError as error:
        nothing: dict[str, Any] = {"judge": [], "outputs": {}, "worst": None, "precision": "", "word": "unchecked"}
        return nothing | {"reason": str(error)}
    rows = {name: _figures(output) for name, output in agreed.outputs.items()}
    for check in agreed.checks:
        rows[check.name] |= {"rounded_db": finite(check.rounded_db), "word": check.word(agreed.precision)}
    said = {"judge": list(agreed.judge), "precision": agreed.precision, "word": agreed.word, "reason": ""}
    return {**said, "worst": agreed.worst and agreed.worst.name, "outputs": rows}


def _figures(figures: Figures) -> dict[str, Any]:
    """JSON has no infinity: an output without any error is exact, and its ratio null."""
    from math import inf

    exact = figures.sqnr_db == inf
    return {
        "sqnr_db": finite(figures.sqnr_db),
        "exact": exact,
        "agreement": figures.agreement,
        "not_finite": figures.not_finite,
    }


def finite(ratio: float | None) -> float | None:
    """A ratio in dB as JSON can say it."""
    from math import isinf

    return None if ratio is None or isinf(ratio) else round(ratio, 2)


def _check(output: Path | None, source: Path, session: Session, fed: Sequence[Feed], raw: bool) -> None:
    """Raise UsageError when an output would replace a file that is read; of several runs, before the first."""
    from zif.cli.outputs import there
    from zif.cli.overwriting import check_outputs

    if output is not None:
        names = [info.name for info in session.outputs]
        written = (path for feed in fed for path in there(names, output / feed.folder, raw))
        check_outputs(written, lambda: [source, *(file for feed in fed for file in feed.files)])


def _result(feed: Feed, outcome: Outcome, output: Path | None, raw: bool) -> dict[str, Any]:
    from statistics import median

    from zif.cli.outputs import save, summary

    files = save(outcome.outputs, output / feed.folder, raw) if output is not None else {}
    outputs = {
        name: summary(value) | {"file": str(files[name]) if name in files else None}
        for name, value in outcome.outputs.items()
    }
    total = round(median(outcome.total_ms), 4)
    return {"folder": feed.folder, "source": feed.source, "outputs": outputs, "total_ms": total}


def _document(
    session: Session, outcomes: Sequence[Outcome], results: list[dict[str, Any]], load_ms: float
) -> dict[str, Any]:
    from statistics import median

    import attrs

    from zif.cli.running import by_segment, unsaid

    totals = [ms for outcome in outcomes for ms in outcome.total_ms]
    ends = {"first_ms": totals[0], "min_ms": min(totals), "max_ms": max(totals)}
    return {
        "model": session.plan.model,
        "target": session.plan.target,
        "policy": session.plan.policy,
        "outputs": results[0]["outputs"],
        "segments": by_segment(session, outcomes),
        "total_ms": round(median(totals), 4),
        "load_ms": round(load_ms, 3),
        "times": {"runs": len(totals), **{name: round(ms, 4) for name, ms in ends.items()}},
        "results": results,
        "emulated": session.plan.emulated,
        "events": [attrs.asdict(event) for event in session.events],
        "notes": unsaid(session.plan, session.events),
    }


def _tell(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        from zif.cli.views.terminal import document as emit

        emit("run", document)
    else:
        from zif.cli.views.run import show

        show(document)
