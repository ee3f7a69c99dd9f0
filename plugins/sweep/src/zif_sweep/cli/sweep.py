"""`zif sweep`: fleets of models × chips × precisions; or a table of one, as a page or beside another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from zif import UsageError
from zif.plugin import JsonOption

if TYPE_CHECKING:
    from zif_sweep.described import Described
    from zif_sweep.resolved import Sweep
    from zif_sweep.rows import Row
    from zif_sweep.run import Outcome

SourceArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SWEEP.toml|MODELS|TABLE",
        help="A sweep file; or models: files, folders, globs, @LIST; or the table of a sweep (.jsonl, .parquet).",
        show_default=False,
    ),
]
TargetsOption = Annotated[
    list[str], typer.Option("--target", "-t", metavar="CHIP|GLOB|all", help="Chips; repeatable, or with commas.")
]
PrecisionsOption = Annotated[
    list[str], typer.Option("--precision", metavar="float,w8a8,w8a16", help="Repeatable, or with commas.")
]
StagesOption = Annotated[
    list[str],
    typer.Option(
        "--stage", metavar="plan,compile,verify,run,profile", help="Or 'eval FILE.py:FUNCTION'; repeatable, or commas."
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="The table, .jsonl or .parquet.")
]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Workers on this machine; 1 is this process.")]
ClusterOption = Annotated[str, typer.Option("--cluster", metavar="tcp://HOST:PORT", help="A Dask scheduler.")]
CalibrationOption = Annotated[
    str, typer.Option("--calibration", metavar="DIR|NPZ|LIST", help="Real inputs to quantize float models with.")
]
PreprocessOption = Annotated[str, typer.Option("--preprocess", metavar="TEXT|FILE", help="How pictures become inputs.")]
SamplesOption = Annotated[str, typer.Option("--samples", metavar="DIR|NPZ|LIST", help="Real inputs to verify with.")]
BundlesOption = Annotated[str, typer.Option("--bundles", metavar="DIR", help="Keep what is compiled there.")]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="Do cells anew that failed.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page of the table.")]
DiffOption = Annotated[
    Path | None, typer.Option("--diff", metavar="OLD", help="Hold the table against an older one; exit 1 when worse.")
]
ThresholdOption = Annotated[
    list[str],
    typer.Option(
        "--threshold",
        metavar="[latency=]5%",
        help="With --diff: what may get worse; latency, bytes, coverage, accuracy, sqnr; repeatable.",
    ),
]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print markdown, for a pull request.")]
EstimateOption = Annotated[bool, typer.Option("--estimate", help="Say what the sweep would cost, and do nothing.")]
ScaleOption = Annotated[
    str, typer.Option("--scale", metavar="300x40x4", help="With --estimate: models × chips × precisions on paper.")
]
CostsOption = Annotated[
    Path | None, typer.Option("--costs", metavar="TABLE", help="With --estimate: cells that were measured.")
]


def command(
    source: SourceArgument,
    target: TargetsOption = [],  # noqa: B006 - typer reads the default and never changes it
    precision: PrecisionsOption = [],  # noqa: B006
    stage: StagesOption = [],  # noqa: B006
    output: OutputOption = None,
    jobs: JobsOption = 1,
    cluster: ClusterOption = "",
    calibration: CalibrationOption = "",
    preprocess: PreprocessOption = "",
    samples: SamplesOption = "",
    bundles: BundlesOption = "",
    retry_failed: RetryOption = False,
    html: HtmlOption = None,
    diff: DiffOption = None,
    threshold: ThresholdOption = [],  # noqa: B006
    markdown: MarkdownOption = False,
    estimate: EstimateOption = False,
    scale: ScaleOption = "",
    costs: CostsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Plan, compile, verify, run or judge models × chips × precisions as one table; exit 1 when a cell failed."""
    from zif_sweep.cli import views

    if as_json and markdown:
        raise UsageError("--json and --markdown are two forms of the same: give one")
    if threshold and diff is None:
        raise UsageError("--threshold goes with --diff OLD")
    if (scale or costs) and not estimate:
        raise UsageError("--scale and --costs go with --estimate")
    words: dict[str, Any] = {"targets": _split(target), "precisions": _split(precision), "stages": _split(stage)}
    words |= {"calibration": calibration, "preprocess": preprocess, "samples": samples, "bundles": bundles}
    table = _table(source)
    if table is not None:
        _refuse_words({**words, "output": output, "cluster": cluster, "estimate": estimate})
        outcome = _read(table)
    else:
        described = _described(source, output, words)
        if estimate:
            return views.show_estimate(_settled(described), scale, costs, max(jobs, 1), as_json)
        outcome = _swept(described, jobs, cluster, retry_failed)
    if html is not None:
        _write_page(html, outcome, diff)
    if diff is not None:
        return views.show_changes(outcome, diff, threshold, as_json, markdown)
    views.show(outcome, html, as_json, markdown)
    return 1 if outcome.failed else 0


def _split(words: list[str]) -> tuple[str, ...]:
    return tuple(word.strip() for text in words for word in text.split(",") if word.strip())


def _table(source: list[str]) -> Path | None:
    """The table, where that is what was named."""
    tables = [word for word in source if word.endswith((".jsonl", ".parquet"))]
    if tables and len(source) > 1:
        raise UsageError(f"{tables[0]} is the table of a sweep and stands alone: name it, or models")
    return Path(tables[0]) if tables else None


def _refuse_words(wishes: dict[str, Any]) -> None:
    words = [f"--{name.removesuffix('s')}" for name, value in wishes.items() if value]
    if words:
        raise UsageError(f"{words[0]} shapes a sweep, and a table is one that is done: name models or a sweep file")


def _read(path: Path) -> Outcome:
    from zif_sweep.run import Outcome
    from zif_sweep.table import read_rows

    rows: tuple[Row, ...] = tuple(row for _, row in sorted(read_rows(path).items()))
    return Outcome(path, rows, 0, 0.0)


def _described(source: list[str], output: Path | None, words: dict[str, Any]) -> Described:
    from zif_sweep.described import Described

    files = [word for word in source if word.endswith(".toml")]
    if files and len(source) > 1:
        raise UsageError(f"{files[0]} describes a whole sweep and stands alone: write models = […] in it")
    described = Described.read(Path(files[0])) if files else Described(models=tuple(source))
    if files:  # what is typed is relative to where it is typed
        for name in ("calibration", "samples", "bundles"):
            words[name] = str(Path(words[name]).absolute()) if words[name] else ""
        output = output.absolute() if output else None
    return described.with_words(**words, output=str(output) if output else "")


def _settled(described: Described) -> Sweep:
    from zif.plugin import working

    from zif_sweep.resolved import Sweep

    with working("reading the models"):
        return Sweep.of(described)


def _swept(described: Described, jobs: int, cluster: str, retry_failed: bool) -> Outcome:
    from zif.plugin import working

    from zif_sweep.run import sweep

    settled = _settled(described)
    with working(f"{len(settled.cells)} cells") as told:
        return sweep(settled, jobs=jobs, cluster=cluster, retry_failed=retry_failed, progress=told)


def _write_page(html: Path, outcome: Outcome, diff: Path | None) -> None:
    from zif.plugin import write_text

    from zif_sweep.html import sweep_html
    from zif_sweep.table import read_rows

    old = tuple(read_rows(diff).values()) if diff is not None else None
    write_text(html, sweep_html(outcome.rows, outcome.output.name, old))
