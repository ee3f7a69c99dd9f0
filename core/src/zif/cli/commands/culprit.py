"""`zif culprit`: the smallest pieces of a model that a backend computes wrongly, as cases for its vendor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption

if TYPE_CHECKING:
    from zif.evaluation.culprits import Culprits

OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write each case there, in a folder of its own.")
]
JudgeOption = Annotated[
    str, typer.Option("--judge", metavar="BACKEND", help="Hold the others against this one, not against the CPU.")
]


@options.planned
def command(
    model: options.ModelArgument,
    output: OutputOption = None,
    judge: JudgeOption = "",
    samples: options.SamplesOption = None,
    preprocess: options.PreprocessOption = "",
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    no_cache: options.NoCacheOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find the units that a backend computes wrongly, each as the smallest model that shows it. Exit 1 for any."""
    from zif.cli.inputs import samples_at
    from zif.cli.views.progress import working
    from zif.evaluation import culprits
    from zif.model import Model

    options.check_preprocess(preprocess, samples)
    if output is not None:
        culprits.check_place(output)
    with working(f"looking for what is wrong in {model.name}") as told:
        loaded = Model.load(model, wanted.get("shapes"), wanted.get("custom_ops", ()))
        sets = None if samples is None else samples_at(samples, loaded, preprocess)
        answer = culprits.find(loaded, target, sets, judge=judge, cache=not no_cache, progress=told, **wanted)
        folders = culprits.write(answer, output) if output is not None and answer.cases else []
    _tell(answer, folders, as_json)
    if answer.cases:
        raise typer.Exit(1)


def _tell(culprits: Culprits, folders: list[Path], as_json: bool) -> None:
    from zif.cli.views import terminal

    about = {"model": culprits.model, "target": culprits.target, "judge": list(culprits.judge)}
    rows: list[dict[str, Any]] = [case.about() | {"folder": None} for case in culprits.cases]
    for row, folder in zip(rows, folders, strict=False):
        row["folder"] = str(folder)
    if as_json:
        terminal.document("culprit", {**about, "cases": rows})
        return
    judge = " and ".join(culprits.judge)
    if not rows:
        terminal.say(f"nothing is wrong: every segment is what {judge} computes, as far as its precision goes")
        return
    columns = ("backend", "operator", "unit", "in company of", "SQNR dB", "must cost dB", "at")
    terminal.table("", columns, [_row(row) for row in rows], right=("SQNR dB", "must cost dB"))
    where = f"in {folders[0].parent}, each with a model, inputs, both outputs" if folders else "-o DIR writes each"
    terminal.say(f"{len(rows)} wrong beside {judge} for {culprits.target}; {where}")


def _row(row: dict[str, Any]) -> list[Any]:
    from zif.cli.views.compare import decibels
    from zif.files.wording import listed

    worst = row["worst"] or {"sqnr_db": None, "rounded_db": None, "name": "", "agreement": None}
    company = listed((unit for unit in row["window"] if unit != row["unit"]), 3)
    figures = [decibels(worst["sqnr_db"]), decibels(worst["rounded_db"])] if worst["sqnr_db"] is not None else ["", ""]
    return [(row["backend"], "bold"), row["op_type"], row["unit"], company, *figures, worst["name"]]
