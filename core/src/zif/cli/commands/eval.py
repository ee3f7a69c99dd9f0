"""`zif eval`: a model held to the accuracy of its task, by a function of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zif.cli import wishes
from zif.cli.wishes import JsonOption

EvalOption = Annotated[
    str,
    typer.Option(
        "--eval", metavar="FILE.py:FUNCTION", help="A function that takes a zif.Session and returns a number."
    ),
]
GoalOption = Annotated[
    str, typer.Option("--goal", metavar="NUMBER", help="Exit 1 below 0.9 (or '>=0.9'); '<=0.1': above.")
]


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL|DIR", help="An ONNX file, or a bundle.", show_default=False)],
    function: EvalOption,
    goal: GoalOption = "",
    target: wishes.TargetOption = "host",
    policy: wishes.PolicyOption = "balanced",
    pin: wishes.PinOption = [],  # noqa: B006 - typer reads the default and never changes it
    only: wishes.OnlyOption = [],  # noqa: B006
    exclude: wishes.ExcludeOption = [],  # noqa: B006
    strict: wishes.StrictOption = False,
    emulate: wishes.EmulateOption = False,
    shape: wishes.ShapeOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Let a function of yours judge a model on its target; exit 1 when the goal is missed."""
    from zif import evaluating
    from zif.cli import output
    from zif.cli.progress import working

    wanted = evaluating.Goal.parse(goal) if goal else None
    call = evaluating.resolved(function)
    given = wishes.wishes(shape, pin, only, exclude, strict, emulate)
    with working(f"loading {model.name}") as told:
        from zif import api

        with api.load(model, target, policy, progress=told, **given) as session:
            told(f"{function} judges {model.name}")
            found = evaluating.evaluate(session, call)
    met = wanted is None or wanted.met(found.value)
    if as_json:
        told_goal = {"goal": goal or None, "met": met if wanted else None}
        output.document("eval", found.to_json() | {"function": function} | told_goal)
    else:
        output.say(f"{found.value:g}  {model.name} on {found.target}, by {function} in {found.seconds:.1f} s")
        if found.emulated:
            output.say(f"emulated here, not run on hardware: {', '.join(found.emulated)}", style="yellow")
    if not met:
        output.note(f"the goal is missed: {found.value:g} is not {wanted}")
        raise typer.Exit(1)
