"""The typer application: a command is a file in `zif.cli.commands`, or is brought by another distribution.

A file `new_backend.py` becomes `zif new-backend`. It holds a function `command`, or a `typer.Typer` called `app` when
the command has commands of its own; the first line of the docstring is the help. Files whose name starts with an
underscore are not commands. An entry point of the group `zif.commands` names such a function or application in another
distribution. Only the command that is called is imported; command files import only typer at the top, so that
`zif --help`, which imports all of core's and none of the others, stays fast.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import lru_cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from zif.cli import commands
from zif.errors import UsageError


class Commands(TyperGroup):
    """Core's own commands and those that installed distributions bring; a command is imported when it is looked up."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command, in the order of the names."""
        from zif.backends.extensions import commands as brought

        return sorted({*_own(), *brought()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name; None when there is none. A broken one is a command that says so."""
        try:
            source = _source(cmd_name)
        except Exception as error:
            return _built(cmd_name, _broken(error), lenient=True)
        if source is None:
            names: dict[str, Any] = dict.fromkeys(self.list_commands(ctx))
            self.commands = names  # where typer looks for what may have been meant
            return None
        return _built(cmd_name, source)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of `zif --help`: a line of help each, without building options that nobody sees."""
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, TyperCommand(name, help=_help(name)).get_short_help_str(room)) for name in names]
            )


def _source(name: str) -> Any:
    """The function or Typer application of a command; None when nobody has one of this name."""
    from zif.backends.extensions import command as brought

    if name not in _own():
        return brought(name)
    module = importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")
    return getattr(module, "app", None) or module.command


def _help(name: str) -> str:
    if name not in _own():
        from zif.backends.extensions import brought_at
        from zif.cli.docstrings import help_of
        from zif.files.wording import printable

        point = brought_at(name)
        return printable(help_of(point.value) or f"A command of {point.owner}.")
    source = _source(name)
    return inspect.cleandoc((source.info.help if isinstance(source, typer.Typer) else source.__doc__) or "")


def application() -> typer.Typer:
    """The `zif` command. Help is plain text: rich's takes three times as long to come up."""
    app = typer.Typer(
        cls=Commands, name="zif", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    app.callback()(_root)
    return app


@lru_cache(maxsize=1)
def _own() -> list[str]:
    """The names of core's commands."""
    names = (module.name for module in pkgutil.iter_modules(commands.__path__))
    return [name.replace("_", "-") for name in names if not name.startswith("_")]


def _built(name: str, source: Any, lenient: bool = False) -> Any:
    """A click command from a function or a Typer application."""
    if not isinstance(source, typer.Typer):
        single = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        settings = {"allow_extra_args": True, "ignore_unknown_options": True} if lenient else None
        single.command(name, context_settings=settings)(source)
        source = single
    else:
        source.rich_markup_mode = None
    source._add_completion = False
    built = get_command(source)
    built.name = name
    _once(built)
    return built


def _once(built: Any) -> None:
    """Have a command, and the commands that it has, refuse an option twice that takes one value: the first was lost."""
    for inner in getattr(built, "commands", {}).values():
        _once(inner)
    make = built.make_parser

    def make_parser(context: Any) -> Any:
        parser = make(context)
        for option in {
            id(option): option for option in (*parser._long_opt.values(), *parser._short_opt.values())
        }.values():
            if option.action == "store":
                option.process = _storing(option, option.process)
        return parser

    built.make_parser = make_parser


def _storing(option: Any, process: Any) -> Any:
    def store(value: Any, state: Any) -> None:
        if option.dest in state.opts:
            name = max(option.obj.opts, key=len)
            raise UsageError(f"{name} is given twice, and takes one value: give it once")
        process(value, state)

    return store


def _broken(error: Exception) -> Any:
    def command() -> None:
        raise error

    command.__doc__ = _harmless(error)
    return command


def _harmless(error: Exception) -> str:
    from zif.files.wording import printable

    return printable(str(error))


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
    deadline: Annotated[
        float | None, typer.Option("--deadline", metavar="SECONDS", help="End what takes longer; after a command too.")
    ] = None,
) -> None:
    """Run ONNX models on the accelerators of this machine or for another chip, every operator where it runs best."""
