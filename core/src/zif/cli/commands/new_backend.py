"""`zif new-backend NAME`: a complete backend to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zif.cli.options import JsonOption


def command(
    name: Annotated[str, typer.Argument(help="What the backend is called, such as my_npu.", show_default=False)],
    into: Annotated[Path, typer.Option(help="The folder in which zif-NAME is made.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write a packaged backend with tests and CI that passes `zif check` as it is, and say what to do next."""
    from zif.cli.views import terminal
    from zif.testing.scaffold import create

    folder = create(name, into)
    if as_json:
        terminal.document("new-backend", {"name": name, "folder": str(folder)})
        return
    terminal.say(f"{folder}: a backend called {name}. Next:")
    terminal.say(f"  pip install -e '{folder}[dev]'")
    terminal.say(f"  zif check {name}")
    terminal.say(f"README.md in {folder} says what to replace.")
