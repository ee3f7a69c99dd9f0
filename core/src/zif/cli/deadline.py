"""`--deadline SECONDS`, on every command: what has not ended by then is ended, with a sentence and exit code 1.

The end comes as an exception in the main thread, so that everything is closed and removed on the way out. Where native
code does not come back, or somebody swallows it, a thread that does nothing else ends the process soon after.
"""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from zif.cli import ending
from zif.errors import UsageError

#: Seconds that the way out may take, and after which it is asked for once more.
GRACE, _AGAIN = 2.0, 0.01
OPTION = "--deadline"


class Passed(BaseException):
    """The deadline has passed. No Exception, for nobody's `except Exception` may keep it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the command has not ended within {seconds:g} s, which is its {OPTION}: nothing half-written is left. "
            "A smaller input, another backend or a later deadline may do"
        )


def taken(words: Sequence[str]) -> tuple[list[str], float | None]:
    """The words without the option, wherever it stands, and its seconds. Raises UsageError."""
    end = words.index("--") if "--" in words else len(words)
    kept: list[str] = []
    seconds: str | None = None
    rest = iter(words[:end])
    for word in rest:
        value = next(rest, "") if word == OPTION else word.partition("=")[2]
        if word.partition("=")[0] == OPTION and "=" in value:  # that of a stage, which is the command's own
            kept += [OPTION, value]
        elif word.partition("=")[0] == OPTION:
            seconds = value
        else:
            kept.append(word)
    return [*kept, *words[end:]], None if seconds is None else _seconds(seconds)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise UsageError(f"{OPTION} {text}: write a positive number of seconds, such as {OPTION} 60")
    return seconds


@contextmanager
def held(seconds: float | None, told: Callable[[Passed], int]) -> Iterator[None]:
    """Within, the deadline is kept. `told` says that it has passed and gives the exit code."""
    if seconds is None:
        yield
        return
    over = Passed(seconds)
    done = threading.Event()
    threading.Thread(target=_end, args=(seconds, done, over, told), daemon=True, name="zif-deadline-end").start()
    with _alarm(seconds, over):
        try:
            yield
        finally:
            done.set()


@contextmanager
def _alarm(seconds: float, over: Passed) -> Iterator[None]:
    """Raise `over` in the main thread after so many seconds, where the system has such a signal."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def passed(_number: int, frame: FrameType | None) -> None:
        if _imports(frame):  # extension modules do not all survive an exception in the middle of their own making
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
            return
        raise over

    def unraisable(problem: Any) -> None:
        if problem.exc_value is over:  # a `__del__` or a callback has swallowed it: once more
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            told(problem)

    before, told = signal.signal(signal.SIGALRM, passed), sys.unraisablehook
    sys.unraisablehook = unraisable
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = told


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _end(seconds: float, done: threading.Event, over: Passed, told: Callable[[Passed], int]) -> None:
    if not done.wait(seconds + GRACE):
        ending.force(told(over))
