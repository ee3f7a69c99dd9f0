"""`zif verdicts`: what each backend declares, what its engine answered, and what was seen, side by side."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption
from zif.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zif.report.bases import Compared

_WORDS = {True: "takes", False: "no", None: "–"}
_BASES = ("declared", "probed", "observed", "verified")


ModelOption = Annotated[
    Path | None,
    typer.Argument(metavar="MODEL", help="An ONNX file; --export and --forget go without, too.", show_default=False),
]
ExportOption = Annotated[
    bool, typer.Option("--export", help="Print what verification found wrong here, for the plugin's author.")
]
ForgetOption = Annotated[bool, typer.Option("--forget", help="Forget it, so that the backend is asked again.")]


@options.planned
def command(
    model: ModelOption = None,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    every: Annotated[bool, typer.Option("--all", help="Every unit, not only those where they differ.")] = False,
    export: ExportOption = False,
    forget: ForgetOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare what the backends declare with what their engines answer and what was observed of them."""
    if export or forget:
        _learned(model, wanted, export, forget, as_json)
    elif model is None:
        raise UsageError("which model? `zif verdicts MODEL`; --export and --forget go without one, too")
    else:
        _compare(model, target, wanted, every, as_json)


def _learned(model: Path | None, wanted: dict[str, Any], export: bool, forget: bool, as_json: bool) -> None:
    """What verification found, of one model or of all: printed, forgotten, or both in this order."""
    from zif.cli.views import terminal
    from zif.model import Model
    from zif.verdicts import learned

    loaded = Model.load(model, wanted.get("shapes"), wanted.get("custom_ops", ())) if model is not None else None
    rows = learned.lessons(loaded)
    if export:
        terminal.document("learned", learned.document(rows))
    if forget:
        try:
            count = learned.forget(loaded)
        except OSError as error:
            raise UsageError(f"what was learned cannot be forgotten: {error}") from error
        if as_json and not export:
            terminal.document("forgotten", {"lessons": count})
        elif not export:
            terminal.say(f"{count} lessons of {model.name if model else 'all models'} forgotten")


def _compare(model: Path, target: str, wanted: dict[str, Any], every: bool, as_json: bool) -> None:
    import attrs

    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.report.bases import compare
    from zif.runtime import planners

    with working(f"asking about {model.name}") as told:
        made = planners.planner(model, target, progress=told, **wanted)
        rows = [row for participant in made.participants.by_name.values() for row in compare(made.model, participant)]
    shown = [row for row in rows if every or row.differs]
    if as_json:
        units = [attrs.asdict(row) for row in shown]
        terminal.document("verdicts", {"target": made.target.name, "summary": _summary(rows), "units": units})
    else:
        _show(rows, shown)


def _summary(rows: Sequence[Compared]) -> list[dict[str, Any]]:
    """How many units of each backend got which answers."""
    counts = Counter((row.backend, *(getattr(row, basis) for basis in _BASES)) for row in rows)
    return [dict(zip(("backend", *_BASES), key, strict=True)) | {"units": count} for key, count in counts.items()]


def _show(rows: Sequence[Compared], shown: Sequence[Compared]) -> None:
    from zif.cli.views.terminal import say, table

    lines = [
        [(line["backend"], "bold"), *(_WORDS[line[basis]] for basis in _BASES), line["units"]]
        for line in _summary(rows)
    ]
    table("", ("backend", *_BASES, "units"), lines, right=("units",))
    for row in shown:
        answers = (f"{name} {_WORDS[said]}" for name in _BASES if (said := getattr(row, name)) is not None)
        told = f": {row.reason} [{row.code}]" if row.reason else ""
        say(f"{row.backend}  {row.unit} ({row.op_type}): {', '.join(answers)}{told}")
    if not shown:
        say("Nobody's answers differ from each other.")
