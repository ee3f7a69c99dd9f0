"""Whose exception it is: what a plugin raises becomes a ZifError that names it, what a signal raises goes through.

A plugin that calls `sys.exit(0)` must not end the process as if all were well, and its KeyboardInterrupt is nobody's
Ctrl-C. But the host's own handler of a signal raises in the middle of whatever runs, a plugin's code too: that
exception is the host's, whatever its class.
"""

from __future__ import annotations

import errno
import opcode
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any

from zif.errors import NotWritten, OutOfMemory, StageFailed, ZifError
from zif.files.limits import memory_advice

if TYPE_CHECKING:  # the command line asks here before it loads anything else
    from zif.records import Executable

#: Characters of a foreign message that are told.
_LONGEST = 600
#: A full disk is the machine's, whoever meets it.
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_RAISE = opcode.opmap["RAISE_VARARGS"]


@contextmanager
def blaming(owner: str, doing: str, kind: type[ZifError] = StageFailed) -> Iterator[None]:
    """Whatever the block raises comes out as a ZifError: its own, or a `kind` that says who failed in what.

    owner: such as "backend 'reference' (zif-reference 0.1.0)". What the handler of a signal raises comes out as it is.
    """
    try:
        yield
    except ZifError:
        raise
    except BaseException as error:
        if from_signal(error):
            raise
        if isinstance(error, OSError) and error.errno in _FULL:
            kind = NotWritten
        kind = OutOfMemory if isinstance(error, MemoryError) else kind
        raise kind(f"{owner} failed in {doing}: {reason(error)}") from error


def let_go(executable: Executable, owner: str) -> str:
    """Close what a backend has loaded: what it failed with, as a sentence; "" when all went well.

    What must be closed after it is closed all the same.
    """
    try:
        with blaming(owner, "close"):
            executable.close()
    except ZifError as error:
        return str(error)
    return ""


def reason(error: BaseException) -> str:
    """Why a plugin failed, in words that still say something when the exception itself says nothing."""
    kind = type(error).__name__
    if isinstance(error, SystemExit):
        return f"it called for the end of the process ({kind}: {error.code})"
    if isinstance(error, KeyboardInterrupt):
        return f"it raised {kind}, though nobody interrupted it"
    if isinstance(error, MemoryError):
        return "; ".join(filter(None, (f"it ran out of memory ({kind})", memory_advice())))
    try:
        text = _shortened(str(error).strip())
    except Exception:  # a plugin's own exception class may be broken, too
        text = ""
    if isinstance(error, Exception) and not isinstance(error, (ImportError, RecursionError)):
        return text or kind
    return f"{kind}: {text}" if text else kind


def _shortened(text: str) -> str:
    """Some libraries put all that they have in hand into a message."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def from_signal(error: BaseException) -> bool:
    """Whether the handler of a signal raised this, and not the code that it interrupted.

    Python runs handlers in the main thread, as a call from the interrupted code, so that theirs is among the frames.
    The one that it brings for SIGINT has no frame; there, what was not raised by a `raise` statement is an interrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    frames = list(_frames(error.__traceback__))
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    codes = {code for code in map(_code, handlers) if code is not None}
    if any(frame.tb_frame.f_code in codes for frame in frames):
        return True
    if not isinstance(error, KeyboardInterrupt) or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False
    return not frames or frames[-1].tb_frame.f_code.co_code[frames[-1].tb_lasti] != _RAISE


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _code(handler: Any) -> CodeType | None:
    """The code that a handler runs: of a function, a method, a partial of one, or an object that can be called."""
    handler = getattr(handler, "func", handler)
    called = vars(type(handler)).get("__call__")
    for function in (handler, getattr(handler, "__func__", None), called):
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType):
            return code
    return None
