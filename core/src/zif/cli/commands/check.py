"""`zif check BACKEND`: prove that a backend does what it says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from zif.cli.options import JsonOption, TargetOption


def command(
    backend: Annotated[
        str, typer.Argument(help="The backend to test, as `zif backends` lists it.", show_default=False)
    ],
    target: TargetOption = "host",
    require_device: Annotated[bool, typer.Option(help="An unavailable backend fails instead of skipping.")] = False,
    sample: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most N of ONNX's node tests of each operator; 0: all of them.")
    ] = 0,
    select: Annotated[
        str, typer.Option("-k", metavar="WORDS", help="Only tests whose name matches, as pytest -k.")
    ] = "",
    known: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="pyproject.toml that lists the known failures; default: the one here."
        ),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML file too.")] = None,
    save: Annotated[
        bool, typer.Option("--save", help="First observe what it really does, and save that for the plugin to ship.")
    ] = False,
    outcome: Annotated[Path | None, typer.Option(help="Write the outcome of every test to this JSON file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the conformance kit on a backend. Exit 0 when nothing failed, 1 when something did.

    With --save, ONNX's node tests are first run on it in a worker process, claimed or not, and what differs from its
    claims goes into `observed.json` beside its module. Plans prefer that to what the backend says.
    """
    from zif.backends.registry import backend as find
    from zif.cli.views import terminal
    from zif.testing.run import check, needs

    found = find(backend)  # an unknown or broken name is an error of its own, before pytest starts
    needs()
    if save:
        _save(backend, target, quiet=as_json)
    done = check(
        backend,
        target=target,
        require_device=require_device,
        sample=sample,
        select=select,
        known=known,
        junit=junit,
        outcome=outcome,
        report=sys.stderr if as_json else terminal.stream(),
    )
    if as_json:
        differences = found.observations.differences() if found.observations else {}
        terminal.document("check", {**done.record, "differences": differences})
    raise typer.Exit(done.code)


def _save(backend: str, target: str, quiet: bool) -> None:
    from zif.cli.views import terminal
    from zif.cli.views.progress import working
    from zif.testing.observation import save

    with working(f"observing {backend}") as progress:
        saved = save(backend, target, progress)
    say = terminal.note if quiet else terminal.say
    say(f"{saved.path}: {len(saved.table.rules)} rules from {saved.cases} tests")
    for line in saved.table.summary():
        say(line)
