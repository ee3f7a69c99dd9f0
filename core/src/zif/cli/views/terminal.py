"""What a command prints: its one document, tables and sentences on the real stdout, notes on stderr."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

from zif.cli import streams
from zif.files.wording import json_text, paragraph, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: Width of tables that do not go to a terminal: wide enough that every row stays on one line, for grep.
PIPE_WIDTH = 400


def stream() -> TextIO:
    """The real stdout, for a process that writes a report of its own."""
    return streams.own()


def document(command: str, fields: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command, schema `zif.<command>/1`. Figures that are not finite become null."""
    whole = {"schema": f"zif.{command}/1", **fields}
    whole["schema"] = f"zif.{command}/1"
    print(json_text(plain(whole), indent=2, allow_nan=False), file=streams.own())


def plain(value: Any) -> Any:
    """The value as JSON knows it: text keys, lists, finite numbers or null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value)


def console(*, stderr: bool = False) -> Console:
    """A rich console that takes text as it is: no markup, no emoji codes, since names of tensors look like both."""
    from rich.console import Console

    stream = sys.stderr if stderr else streams.own()
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def width() -> int:
    """Columns that there are for tables."""
    return console().width


def say(text: str = "", style: str | None = None) -> None:
    """A line for the reader, on stdout, whatever names hold. Long lines are left to the terminal."""
    if style is None:
        print(printable(text), file=streams.own())  # rich takes a tenth of a second to import
    else:
        console().print(printable(text), style=style, soft_wrap=True)


def page(text: str) -> None:
    """Text of several lines, as it was laid out."""
    print(printable(text, lines=True), file=streams.own())


def note(text: str) -> None:
    """A line beside the output, on stderr."""
    print(f"zif: {paragraph(text)}", file=sys.stderr)


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """Print a table. Cells are text, or (text, style) pairs; columns in `right` are set to the right.

    Those in `whole` are never folded: names that a reader copies.
    """
    if title:  # as a line of its own: rich would fold it to the width of the table
        say()
        say(title, style="bold")
    console().print(_table(columns, rows, right, whole))


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[str], whole: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        made.add_column(printable(column), justify=justify, overflow="fold", no_wrap=column in whole)
    for row in rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def _cell(cell: Any) -> Any:
    from rich.text import Text

    if isinstance(cell, tuple):
        return Text(printable(str(cell[0])), style=cell[1])
    return printable("" if cell is None else str(cell))
