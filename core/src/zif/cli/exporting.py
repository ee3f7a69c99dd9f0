"""The options of an exporter on the command line: those of the word behind `--for`, read before typer's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperCommand

from zif.errors import UsageError, ZifError

#: Where the words that were read stand in a command's context.
GIVEN = "zif.export.options"


class ExportCommand(TyperCommand):
    """A command whose options beside its own are those of the exporter that is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the exporter's options out of the words; typer reads what is left."""
        word = _word(args)
        ctx.meta[GIVEN] = {}
        if word:
            ctx.meta[GIVEN], args = taken(args, dict(_fields(word)))
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The help ends with the ways out and the options that each has."""
        from zif.backends.extensions import exporters

        for word in exporters():
            with formatter.section(f"Options of --for {word}"):
                formatter.write_dl(_rows(word) or [("(none)", "")])
        super().format_epilog(ctx, formatter)


def taken(args: Sequence[str], fields: dict[str, tuple[bool, str]]) -> tuple[dict[str, Any], list[str]]:
    """The values of these options, and the words that are none of theirs. Raises UsageError."""
    values: dict[str, Any] = {}
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            return values, [*rest, word, *words]
        name, equals, value = word.removeprefix("--").partition("=")
        key = name.replace("-", "_")
        plain = key.removeprefix("no_")
        if not word.startswith("--") or (key not in fields and not (plain in fields and fields[plain][0])):
            rest.append(word)
            continue
        if (key if key in fields else plain) in values:
            raise UsageError(f"--{name} is given twice, and takes one value: give it once")
        if key in fields:
            values[key] = _value(word, fields[key][0], equals, value, words)
        else:
            values[plain] = False
    return values, rest


def _value(word: str, boolean: bool, equals: str, value: str, words: Iterator[str]) -> Any:
    if equals or boolean:
        return value if equals else True
    following = next(words, None)
    if following is None:
        raise UsageError(f"{word} takes a value: write {word}=VALUE")
    return following


def _word(args: Sequence[str]) -> str:
    """What stands behind --for; "" when nothing does, which typer then tells."""
    for index, word in enumerate(args):
        if word == "--":
            break
        if word == "--for":
            return args[index + 1] if index + 1 < len(args) else ""
        if word.startswith("--for="):
            return word.partition("=")[2]
    return ""


def _fields(word: str) -> Iterator[tuple[str, tuple[bool, str]]]:
    """Every option of an exporter: its name, whether it is true or false, and its help."""
    from zif.backends.options import describe_options
    from zif.runtime.export.registry import exporter

    for row in describe_options(exporter(word).options):
        yield row["name"], (row["type"] == "true or false", row["help"])


def _rows(word: str) -> list[tuple[str, str]]:
    try:
        return [(_flag(name, boolean), text) for name, (boolean, text) in _fields(word)]
    except ZifError as error:  # one that is broken must not take the help of the others away
        return [("(broken)", str(error))]


def _flag(name: str, boolean: bool) -> str:
    dashed = name.replace("_", "-")
    return f"--{dashed} / --no-{dashed}" if boolean else f"--{dashed} VALUE"
