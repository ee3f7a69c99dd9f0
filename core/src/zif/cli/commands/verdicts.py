"""`zif verdicts`: what each backend declares, what its engine answered, and what was seen, side by side."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli import options
from zif.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zif.report.bases import Compared

_WORDS = {True: "takes", False: "no", None: "–"}
_BASES = ("declared", "probed", "observed", "verified")


@options.planned
def command(
    model: options.ModelArgument,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    every: Annotated[bool, typer.Option("--all", help="Every unit, not only those where they differ.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare what the backends declare with what their engines answer and what was observed of them."""
    import attrs

    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.report.bases import compare
    from zif.runtime import verbs

    with working(f"asking about {model.name}") as told:
        made = verbs.planner(model, target, progress=told, **wanted)
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
        [(one["backend"], "bold"), *(_WORDS[one[basis]] for basis in _BASES), one["units"]] for one in _summary(rows)
    ]
    table("", ("backend", *_BASES, "units"), lines, right=("units",))
    for row in shown:
        answers = (f"{name} {_WORDS[said]}" for name in _BASES if (said := getattr(row, name)) is not None)
        told = f": {row.reason} [{row.code}]" if row.reason else ""
        say(f"{row.backend}  {row.unit} ({row.op_type}): {', '.join(answers)}{told}")
    if not shown:
        say("Nobody's answers differ from each other.")
