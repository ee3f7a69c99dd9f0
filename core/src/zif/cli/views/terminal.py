"""Where output goes: a command's own on the real stdout, everything else on stderr.

Native libraries write to file descriptor 1 whatever Python thinks of it, and a line of theirs in the middle would break
a JSON document. So the descriptor points to stderr while a command works, and commands write to a copy of the real one.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: Width of tables that do not go to a terminal: wide enough that every row stays on one line, for grep.
PIPE_WIDTH = 400

_out: TextIO | None = None


@contextmanager
def guarded(as_json: bool) -> Iterator[None]:
    """Keep the real stdout for the command's own output; with `as_json`, from Python's `print` as well."""
    global _out
    before = sys.stdout
    real, mine = _own_stdout()
    _out = mine
    sys.stdout = sys.stderr if as_json else mine
    try:
        yield
    finally:
        flush()
        sys.stdout, _out = before, None
        if real is not None:
            os.dup2(real, 1)
            os.close(real)


def _own_stdout() -> tuple[int | None, TextIO]:
    """A copy of descriptor 1 to restore, and a text stream on another; stdout itself where it is no descriptor 1."""
    try:
        if sys.stdout.fileno() != 1:
            return None, sys.stdout
        sys.stdout.flush()
        real = os.dup(1)
        stream = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
        os.dup2(2, 1)
    except (OSError, ValueError, AttributeError):
        return None, sys.stdout
    return real, stream


def stream() -> TextIO:
    """The real stdout, for a process that writes a report of its own."""
    return _out or sys.stdout


def flush() -> None:
    """Write out what is buffered; a reader who has gone away is not an error."""
    for stream in (_out, sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            if stream is not None:
                stream.flush()


def document(command: str, fields: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command, schema `zif.<command>/1`. Figures that are not finite become null."""
    whole = {"schema": f"zif.{command}/1", **fields}
    whole["schema"] = f"zif.{command}/1"
    print(json.dumps(plain(whole), indent=2, ensure_ascii=False, allow_nan=False), file=_out or sys.stdout)


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

    stream = sys.stderr if stderr else (_out or sys.stdout)
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def width() -> int:
    """Columns that there are for tables."""
    return console().width


def say(text: str = "", style: str | None = None) -> None:
    """A line for the reader, on stdout. Long lines are left to the terminal."""
    if style is None:
        print(printable(text), file=_out or sys.stdout)  # rich takes a tenth of a second to import
    else:
        console().print(printable(text), style=style, soft_wrap=True)


def note(text: str) -> None:
    """A line beside the output, on stderr."""
    print(f"zif: {printable(text)}", file=sys.stderr)


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
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column in whole)
    for row in rows:
        made.add_row(*(_cell(cell) for cell in row))
    return made


def _cell(cell: Any) -> Any:
    from rich.text import Text

    if isinstance(cell, tuple):
        return Text(printable(str(cell[0])), style=cell[1])
    return printable("" if cell is None else str(cell))


def printable(text: str) -> str:
    """The text without control characters, which a name in a file may hold to play with the reader's terminal."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)
