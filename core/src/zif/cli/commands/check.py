"""`zif check BACKEND`: prove that a backend does what it says."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zif.cli.options import JsonOption
from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.testing.run import Done


def command(
    backend: Annotated[
        str, typer.Argument(help="The backend to test, as `zif backends` lists it.", show_default=False)
    ] = "",
    everyone: Annotated[bool, typer.Option("--all", help="Every installed backend, one after another.")] = False,
    target: Annotated[
        list[str],
        typer.Option("--target", "-t", help="This machine (host), or a chip; with --all, several."),
    ] = [],  # noqa: B006
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
    save_matrix: Annotated[
        list[Path],
        typer.Option("--save-matrix", metavar="FILE", help="What runs where: .json, .md or .html; repeatable."),
    ] = [],  # noqa: B006
    deadline: Annotated[
        list[str],
        typer.Option("--deadline", metavar="STAGE=TIME", help="How long a stage may take: compile=10m; repeatable."),
    ] = [],  # noqa: B006
    outcome: Annotated[Path | None, typer.Option(help="Write the outcome of every test to this JSON file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the conformance kit on a backend. Exit 0 when nothing failed, 1 when something did.

    With --save, ONNX's node tests are first run on it in a worker process, claimed or not, and what differs from its
    claims goes into `observed.json` beside its module. Plans prefer that to what the backend says.

    With --save-matrix, how the node tests ended is written as a table: operator, backend, target and element type.

    A stage that does not end fails the test that it runs in: capabilities and convert after 5 minutes of processor
    time or of doing nothing, compile after 20, load and run after 10, unless --deadline says otherwise.
    """
    from zif.backends.registry import backend as find
    from zif.cli.views import terminal
    from zif.testing.run import check, needs

    targets = list(dict.fromkeys(target)) or ["host"]
    _fits(backend, everyone, targets, {"--save": save, "--junit": junit, "--outcome": outcome})
    _endings(save_matrix)
    if not everyone:
        find(backend)  # an unknown or broken name is an error of its own, before pytest starts
    needs()
    if save:
        _save(backend, targets[0], quiet=as_json)

    def run_kit(name: str, chip: str) -> Done:
        return check(
            name,
            target=chip,
            require_device=require_device,
            sample=sample,
            select=select,
            known=known,
            junit=junit,
            outcome=outcome,
            deadlines=deadline,
            report=sys.stderr if as_json else terminal.stream(),
        )

    done = [run_kit(name, chip) for name in (_installed() if everyone else [backend]) for chip in targets]
    _write_matrix(save_matrix, [each.record for each in done], sample)
    if as_json:
        documents = [{**each.record, "differences": _differences(each.record["backend"])} for each in done]
        terminal.document("check", documents[0] if not everyone else {"backends": documents})
    raise typer.Exit(max((each.code for each in done), default=0))


def _fits(backend: str, everyone: bool, targets: Sequence[str], own: Mapping[str, object]) -> None:
    """Raise UsageError for a call that is about one backend and about all."""
    if everyone == bool(backend):
        raise UsageError("name one backend, as `zif backends` lists it, or say --all")
    if not everyone and len(targets) > 1:
        raise UsageError("several --target go with --all")
    for name, value in own.items():
        if everyone and value:
            raise UsageError(f"{name} is about one backend; leave out --all and name it")


def _installed() -> list[str]:
    from zif.backends.registry import installed

    return [row.name for row in installed() if not row.problem]


def _endings(files: Sequence[Path]) -> None:
    for file in files:
        if file.suffix not in (".json", ".md", ".html"):
            raise UsageError(f"--save-matrix {file}: the name must end in .json, .md or .html")


def _write_matrix(files: Sequence[Path], records: Sequence[Mapping[str, Any]], sample: int) -> None:
    if not files:
        return
    from zif.cli.files import write_text
    from zif.cli.views import terminal
    from zif.files.wording import json_text
    from zif.testing import matrix_pages
    from zif.testing.matrix import of_records

    made = of_records(records, sample)
    forms = {
        ".json": lambda: json_text(made.to_json(), indent=1) + "\n",
        ".md": lambda: matrix_pages.markdown(made),
        ".html": lambda: matrix_pages.html(made),
    }
    for file in files:
        write_text(file, forms[file.suffix]())
        terminal.note(f"wrote {file}")


def _differences(backend: str) -> Any:
    from zif.backends.registry import backend as find

    differences = find(backend)
    return differences.observations.differences() if differences.observations else {}


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
