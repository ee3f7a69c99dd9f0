"""`zif drift`: the same models on two toolchains, and what moved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.evaluation.drift.verb import Sets

ModelsArgument = Annotated[
    list[Path], typer.Argument(metavar="MODEL...", help="ONNX files, or what frontends convert.", show_default=False)
]
_SIDE = "env:NAME, here, a folder that --keep wrote, or plans of `zif plan --json`."


@options.planned
def command(
    models: ModelsArgument = [],  # noqa: B006 - typer's way
    old: Annotated[str, typer.Option("--old", metavar="SIDE", help=_SIDE, show_default=False)] = "",
    new: Annotated[str, typer.Option("--new", metavar="SIDE", help="The same; what is read for --keep.")] = "here",
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep what --new says in a new folder, for later.")
    ] = None,
    target: options.TargetOption = "host",
    samples: options.SamplesOption = None,
    preprocess: options.PreprocessOption = "",
    threshold: Annotated[
        str, typer.Option("--threshold", metavar="5%", help="What latency, energy and artifacts may grow by.")
    ] = "5%",
    min_sqnr: Annotated[
        float, typer.Option("--min-sqnr", metavar="DB", help="How close outputs of old and new have to be.")
    ] = 40.0,
    exact: Annotated[
        bool, typer.Option("--exact", help="Exit 1 for anything that moved, not only what is worse.")
    ] = False,
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    as_json: JsonOption = False,
) -> int:
    """Tell what moved between two toolchains: verdicts, sizes, outputs, predicted times. Exit 1 when one is worse."""
    from zif.cli.views import drift as view
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.evaluation import drift

    if bool(old) == (keep is not None):
        raise UsageError("--old SIDE compares with --new, --keep DIR keeps what --new says: give one of the two")
    options.check_preprocess(preprocess, samples)
    share = _share(threshold)
    with working("reading the models") as told:
        paths = _onnx(models, wanted, told)
        common = {"samples": _sets(samples, preprocess), "progress": told, **wanted}
        if keep is not None:
            kept = drift.keep(paths, keep, new, target, **common)
            view.show_kept(kept, as_json)
            return 0
        drifted = drift.drift(paths, old, new, target, threshold=share, least_db=min_sqnr, **common)
    if as_json:
        terminal.document("drift", drifted.to_json())
    else:
        view.show(drifted)
    return 1 if drifted.worse or (exact and drifted.moved) else 0


def _onnx(models: list[Path], wanted: options.Wishes, told: Any) -> list[Path]:
    from zif.runtime.frontends.verb import as_onnx

    return [Path(as_onnx(path, wanted["shapes"], told)) for path in models]


def _sets(samples: Path | None, preprocess: str) -> Sets | None:
    from zif.cli.inputs import samples_at

    return None if samples is None else lambda model: samples_at(samples, model, preprocess)


def _share(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if match is None:
        raise UsageError(f"--threshold {text}: write a percentage, such as 5%")
    return float(match[1]) / 100
