"""`zif eval`: a model held to the accuracy of its task, by a function of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zif.cli import options
from zif.cli.options import JsonOption

EvalOption = Annotated[
    str,
    typer.Option(
        "--eval", metavar="FILE.py:FUNCTION", help="A function that takes a zif.Session and returns a number."
    ),
]
GoalOption = Annotated[
    str | None, typer.Option("--goal", metavar="NUMBER", help="Exit 1 below 0.9 (or '>=0.9'); '<=0.1': above.")
]


@options.planned
def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL|DIR", help="An ONNX file, or a bundle.", show_default=False)],
    function: EvalOption,
    goal: GoalOption = None,
    target: options.TargetOption = "host",
    wanted: options.Wishes = {},  # noqa: B006 - filled in by `planned`
    as_json: JsonOption = False,
) -> None:
    """Let a function of yours judge a model on its target; exit 1 when the goal is missed."""
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.evaluation import accuracy

    least = accuracy.Goal.parse(goal) if goal is not None else None
    call = accuracy.resolved(function)
    with working(f"loading {model.name}") as told:
        from zif.runtime import verbs

        with verbs.load(model, target, progress=told, verify="off", **wanted) as session:
            told(f"{function} judges {model.name}")
            score = accuracy.evaluate(session, call)
            emulation = session.plan.emulation
    met = least is None or least.met(score.value)
    if as_json:
        told_goal = {"goal": goal, "met": met if least else None}
        terminal.document("eval", score.to_json() | {"function": function} | told_goal)
    else:
        where = f"{score.target} ({' + '.join(score.backends)})"
        terminal.say(f"{score.value:g}  {model.name} on {where}, by {function} in {score.seconds:.1f} s")
        if least and met:
            terminal.say(f"the goal is met: {least}")
        if emulation:
            terminal.say(f"emulated here, not run on hardware: {emulation}", style="yellow")
    if not met:
        terminal.note(f"the goal is missed: {score.value:g} is not {least}")
        raise typer.Exit(1)
