"""`zif check BACKEND`: prove that a backend does what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zif.cli.wishes import JsonOption, TargetOption


def command(
    backend: Annotated[
        str, typer.Argument(help="The backend to test, as `zif backends` lists it.", show_default=False)
    ],
    target: TargetOption = "host",
    require_device: Annotated[bool, typer.Option(help="An unavailable backend fails instead of skipping.")] = False,
    all_nodes: Annotated[bool, typer.Option(help="Every ONNX node test, not a sample for each operator.")] = False,
    select: Annotated[
        str, typer.Option("-k", metavar="WORDS", help="Only tests whose name matches, as pytest -k.")
    ] = "",
    known: Annotated[Path | None, typer.Option(help="pyproject.toml that lists the known failures.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML file too.")] = None,
    outcome: Annotated[Path | None, typer.Option(help="Write the outcome of every test to this JSON file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the conformance kit on a backend. Exit 0 when nothing failed, 1 when something did."""
    from zif.cli import output
    from zif.registry import backend as find
    from zif.testing.run import check

    find(backend)  # an unknown or broken name is an error of its own, before pytest starts
    done = check(
        backend,
        target=target,
        require_device=require_device,
        all_nodes=all_nodes,
        select=select,
        known=known,
        junit=junit,
        outcome=outcome,
        quiet=as_json,
    )
    if as_json:
        output.document("check", done.record)
    raise typer.Exit(done.code)
