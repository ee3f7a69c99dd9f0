"""What went wrong, as one paragraph on stderr and an exit code; with --json as a `zif.error/1` document too."""

from __future__ import annotations

import errno
import sys
import traceback
from contextlib import suppress
from typing import Any

import typer

from zif.cli import deadline, streams
from zif.cli.views import terminal
from zif.errors import BackendCrashed, OutOfMemory, Unsupported, ZifError
from zif.files.limits import MEMORY, memory_advice
from zif.files.wording import names_step, paragraph, printable

#: Exit codes beside those of the errors themselves.
USAGE, BROKEN, INTERRUPTED = 2, 3, 130
#: As shells say of a program whose reader has gone (128 and the number of SIGPIPE).
UNREAD = 141

#: What systems say of a path that names nothing: the caller's mistake, wherever it is noticed.
_NO_NAME = frozenset((errno.ENAMETOOLONG, errno.ELOOP))
#: What they say when there is no room: the machine cannot, wherever it is noticed.
_NO_ROOM = frozenset((errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)))

#: And when a limit of the process or of the system is reached: what to raise, by what was asked for.
_LIMITS = {
    errno.EMFILE: "the process may not open more files: `ulimit -n` raises that",
    errno.ENFILE: "the system has no more files to open: close other programs",
    errno.EAGAIN: "the user may not start more processes or threads: `ulimit -u` raises that",
    errno.ENOMEM: "the machine ran out of memory; a smaller --shape or another target may fit",
}
_NO_THREAD = "can't start new thread"

#: What typer raises for a call that it cannot parse; the class is public under this name only.
_BadCall: Any = typer.BadParameter.__mro__[1]


def report(error: BaseException, *, as_json: bool = False, debug: bool = False) -> int:
    """Tell the reader, and return the exit code of the process."""
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return INTERRUPTED
    if isinstance(error, streams.OutputLost) and error.gone:
        return UNREAD
    name, message, code = _told(error, debug)
    if message.startswith("Usage:"):  # a command that needs a command of its own was given none
        print(printable(message, lines=True), file=sys.stderr)
        return code
    if as_json and not isinstance(error, streams.OutputLost):
        with suppress(streams.OutputLost, OSError):  # the sentence on stderr and the code say it, too
            terminal.document("error", {"error": name, "message": message, "obstacles": _obstacles(error)})
            streams.flush()
    print(f"zif: error: {paragraph(message)}", file=sys.stderr)
    if debug:
        _show_cause(error)
    return code


def _told(error: BaseException, debug: bool) -> tuple[str, str, int]:
    """Class name, message and exit code."""
    if isinstance(error, deadline.Passed):
        return "DeadlinePassed", str(error), 1
    if isinstance(error, OutOfMemory):
        return (
            "OutOfMemory",
            _with_step(error, "" if MEMORY.environment in str(error) else memory_advice()),
            error.exit_code,
        )
    if isinstance(error, ZifError):
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        return type(error).__name__, _with_step(error) + notes, error.exit_code
    if isinstance(error, _BadCall):
        return "UsageError", _bad_call(error), USAGE
    if limit := _limit(error):
        return type(error).__name__, limit, 1
    if isinstance(error, ImportError) and (package := (error.name or "").partition(".")[0]) not in ("", "zif"):
        why = f"the package {package!r} is missing or broken here ({error}): `zif doctor` tries what is installed"
        return type(error).__name__, why, 1
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        where = f"{_shortened(str(error.filename))}: " if error.filename is not None else ""
        return "NotWritten", f"{where}{error.strerror or error}. Free space, or name another place", 1
    hint = "" if debug else "; --debug shows where it happened"
    if isinstance(error, OSError) and error.filename is not None and error.errno in _NO_NAME:
        return type(error).__name__, f"{_shortened(str(error.filename))}: {error.strerror}", USAGE
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return type(error).__name__, f"{error.filename}: {error.strerror}{hint}", BROKEN
    why = str(error).strip() or "no message"
    return type(error).__name__, f"this is a bug in zif: {type(error).__name__}: {why}{hint}", BROKEN


def _with_step(error: ZifError, advice: str = "") -> str:
    """The message, and what to do next where it says nothing of it."""
    message = "; ".join(filter(None, (str(error).strip() or type(error).__name__, advice)))
    if not error.step or names_step(message):
        return message
    return f"{message.removesuffix('.')}. Next: {error.step}"


def _limit(error: BaseException) -> str:
    """The limit of the machine that was reached, and what to do; "" for any other error."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return memory_advice() or _LIMITS[errno.ENOMEM]
    if isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        return _LIMITS[errno.EAGAIN]
    return _LIMITS.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def _shortened(name: str) -> str:
    return name if len(name) <= 200 else f"{name[:100]} … {name[-80:]}"


def _bad_call(error: Any) -> str:
    message, context = str(error.format_message()), getattr(error, "ctx", None)
    if message.startswith("Usage:") or context is None:
        return message
    sentence = message.removesuffix(".")
    end = "" if sentence.endswith("?") else "."
    return f"{sentence}{end} `{context.command_path} --help` lists what it takes."


def _obstacles(error: BaseException) -> list[dict[str, Any]]:
    if not isinstance(error, Unsupported):
        return []

    return [obstacle._asdict() for obstacle in error.obstacles]


def _show_cause(error: BaseException) -> None:
    """The traceback with its chain of causes, and what a crashed backend wrote last."""
    print(printable("".join(traceback.format_exception(error)), lines=True), file=sys.stderr, end="")
    if isinstance(error, BackendCrashed) and error.log:
        print(f"the backend's last lines:\n{printable(error.log, lines=True)}", file=sys.stderr)
