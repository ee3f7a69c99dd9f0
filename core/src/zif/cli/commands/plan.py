"""`zif plan`: what runs where, what it should cost, and why; nothing is compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zif.cli import wishes
from zif.cli.wishes import JsonOption


def command(
    model: wishes.ModelArgument,
    target: wishes.TargetOption = "host",
    policy: wishes.PolicyOption = "balanced",
    pin: wishes.PinOption = [],  # noqa: B006 - typer reads the default and never changes it
    only: wishes.OnlyOption = [],  # noqa: B006
    exclude: wishes.ExcludeOption = [],  # noqa: B006
    strict: wishes.StrictOption = False,
    emulate: wishes.EmulateOption = False,
    shape: wishes.ShapeOption = [],  # noqa: B006
    all_units: Annotated[bool, typer.Option("--all-units", help="List every unit with every verdict.")] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the plan as an HTML page.")] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            metavar="FILE",
            help=".onnx: the model annotated for Netron; .json: node data for Model Explorer.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show where each part of a model would run, and why."""
    from zif import api
    from zif.cli import output
    from zif.cli.files import write_text
    from zif.cli.progress import working

    wanted = wishes.wishes(shape, pin, only, exclude, strict, emulate)
    with working(f"planning {model.name}") as told:
        plan = api.plan(model, target, policy, progress=told, **wanted)
    if html is not None:
        from zif.report import plan_html

        write_text(html, plan_html(plan))
    if overlay is not None:
        from zif.cli.overlays import write_overlay

        write_overlay(overlay, plan, model, wanted["shapes"])
    if as_json:
        output.document("plan", plan.to_json())
    else:
        from zif.cli.planview import show

        show(plan, all_units)
