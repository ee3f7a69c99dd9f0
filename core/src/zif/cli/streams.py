"""The streams of a command: stdout for its own output alone, none of which is lost unnoticed; stderr for all else.

Native libraries write to file descriptor 1 whatever Python thinks of it, and a line of theirs in the middle would break
a JSON document. So the descriptor points to stderr while a command works, and commands write to a copy of the real one.
What does not arrive there raises OutputLost, at once or when it is flushed. What does not arrive on stderr is let go:
nobody is there to be told.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from zif.errors import NotWritten

_out: TextIO | None = None


class OutputLost(NotWritten):
    """A command's own output does not arrive. `gone`: its reader has left, who does not need to be told."""

    def __init__(self, error: OSError) -> None:
        self.gone = error.errno == errno.EPIPE
        closed = error.errno == errno.EBADF
        why = "it is closed" if closed else error.strerror or str(error) or type(error).__name__
        super().__init__(f"the output cannot be written to stdout: {why}")


class _Own(io.TextIOWrapper):
    """The real stdout. Not even rich, which takes a broken pipe for an end of the process, hides what goes wrong."""

    def write(self, text: str) -> int:
        with _noticed():
            return super().write(text)

    def flush(self) -> None:
        with _noticed():
            super().flush()


class _Remarks:
    """stderr, as it is, but that writing to it never fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


@contextmanager
def _noticed() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputLost(error) from error


def settle() -> None:
    """Give every standard descriptor that is closed something to be, before a file of ours is opened as number 1.

    A stdout that was closed cannot be written to afterwards, either, and says so; what goes to stderr goes nowhere.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            made = os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
            if made != number:
                os.dup2(made, number)
                os.close(made)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


@contextmanager
def guarded(as_json: bool) -> Iterator[None]:
    """Keep the real stdout for the command's own output; with `as_json`, from Python's `print` as well."""
    global _out
    before, remarks = sys.stdout, sys.stderr
    sys.stderr = _Remarks(remarks)
    real, _out = _own_stdout()
    sys.stdout = sys.stderr if as_json else _out
    try:
        yield
    finally:
        mine, _out = _out, None
        sys.stdout, sys.stderr = before, remarks
        if real is not None:
            _let_go(mine)
            os.dup2(real, 1)
            os.close(real)
        _drained(remarks)


def _own_stdout() -> tuple[int | None, TextIO]:
    """A copy of descriptor 1 to restore, and a text stream on another; stdout itself where it is no descriptor 1."""
    try:
        if sys.stdout.fileno() != 1:
            return None, sys.stdout
        sys.stdout.flush()
        real = os.dup(1)
        stream = _Own(os.fdopen(os.dup(1), "wb"), encoding="utf-8", errors="replace", line_buffering=os.isatty(1))
        with suppress(OSError, AttributeError):  # half a document would be written to a pipe that others made so
            os.set_blocking(1, True)
        os.dup2(2, 1)
    except (OSError, ValueError, AttributeError):
        return None, sys.stdout
    return real, stream


def _let_go(stream: TextIO) -> None:
    """Close the stream; what it still holds then, and cannot write, was told already."""
    _drained(stream)
    stream.close()


def abandon() -> None:
    """Write no more: what is buffered goes nowhere, so that nobody who reads slowly holds up the end."""
    if isinstance(_out, _Own):
        _to_nowhere(_out)


def _drained(stream: Any) -> None:
    """Rid a stream of what it cannot write: Python would try again in the end, and change the exit code."""
    try:
        stream.flush()
    except (OSError, OutputLost, ValueError, AttributeError):
        _to_nowhere(stream)


def _to_nowhere(stream: Any) -> None:
    with suppress(OSError, OutputLost, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def own() -> TextIO:
    """The real stdout, for what a command has to say."""
    return _out or sys.stdout


def flush() -> None:
    """Write out what is buffered. Raises OutputLost, or OSError where stdout is a stream of the caller's."""
    with suppress(ValueError, AttributeError):
        own().flush()
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
