"""How long a backend may take to answer, and what to do when it does not: it counts as broken."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from zif.backends.patience import Patience, Spent, of_thread
from zif.errors import BackendBroken, UsageError

T = TypeVar("T")
Meter = Callable[[], Spent | None]

_HOW = {
    "busy": " of processor time",
    "idle": ", in which it did nothing",
    "long": ", nor in ten times that",
    "": "",
}

#: Environment variable with the seconds of work that a backend has to be imported and to say what it is; the default.
ENVIRONMENT, SECONDS = "ZIF_DEADLINE", 10.0


def deadline() -> float:
    """Seconds that a backend has to answer. Raises UsageError when ZIF_DEADLINE is no positive number."""
    text = os.environ.get(ENVIRONMENT, "")
    try:
        seconds = float(text) if text else SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise UsageError(f"{ENVIRONMENT}={text}: must be a positive number of seconds")
    return seconds


def within(
    seconds: float,
    call: Callable[[], T],
    what: str,
    meter: Callable[[int], Meter] = of_thread,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """The answer of `call`, or BackendBroken when there is none in `seconds` of work, or of doing nothing.

    The call runs in a daemon thread: one that hangs in native code cannot be stopped, only left behind.
    """
    box: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            box.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True, name="zif-deadline")
    begin = clock()
    thread.start()
    thread.join(min(seconds / 8, 0.05))  # most have answered by now, and need no watching
    how = "" if not thread.is_alive() else _watched(thread, seconds, meter, clock, begin)
    if errors:
        raise errors[0]
    if not box:
        raise BackendBroken(f"{what} within {seconds:g} s{_HOW[how]}; tell its author, or uninstall it")
    return box[0]


def _watched(
    thread: threading.Thread,
    seconds: float,
    meter: Callable[[int], Meter],
    clock: Callable[[], float],
    begin: float,
) -> str:
    """Wait for the end of the thread, or of patience: how that came about, "" for the thread's."""
    patience = Patience(seconds, seconds, meter(thread.native_id or 0))
    while True:
        passed, begin = clock() - begin, clock()
        if how := patience.over(passed):
            return how if thread.is_alive() else ""
        thread.join(patience.step)
        if not thread.is_alive():
            return ""
