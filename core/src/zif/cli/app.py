"""The typer application, put together from the files in `zif.cli.commands`: a new command is a new file there.

A file `new_backend.py` becomes `zif new-backend`. It holds a function `command`, or a `typer.Typer` called `app` when
the command has commands of its own; the first line of the docstring is the help. Files whose name starts with an
underscore are not commands. Command files import only typer at the top, so that `zif --help` stays fast.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Annotated

import typer

from zif.cli import commands


def application() -> typer.Typer:
    """Every command, in the order of the names. Help is plain text: rich's takes three times as long to come up."""
    app = typer.Typer(name="zif", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_root)
    for found in sorted(pkgutil.iter_modules(commands.__path__), key=lambda one: one.name):
        if not found.name.startswith("_"):
            _add(app, found.name)
    return app


def _add(app: typer.Typer, module_name: str) -> None:
    module = importlib.import_module(f"{commands.__name__}.{module_name}")
    name = module_name.replace("_", "-")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name, help=module.app.info.help or module.__doc__)
    else:
        app.command(name)(module.command)


def _version(wanted: bool) -> None:
    if wanted:
        from zif.backends.registry import core_version
        from zif.cli.views import terminal

        terminal.say(f"zif {core_version()}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_version)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show causes and tracebacks of errors; works after a command too.")
    ] = False,
) -> None:
    """Run ONNX models on the accelerators of this machine or for another chip, every operator where it runs best."""
