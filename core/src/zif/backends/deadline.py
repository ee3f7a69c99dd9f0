"""How long a backend may take to answer, and what to do when it does not: it counts as broken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from zif.errors import BackendBroken
from zif.files.patience import Patience, Spent, deadline, of_thread

__all__ = ["deadline", "within"]

T = TypeVar("T")
Meter = Callable[[], Spent | None]

_HOW = {
    "busy": " of processor time",
    "idle": ", in which it did nothing",
    "long": ", nor in ten times that",
    "": "",
}


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
    thread.join(min(seconds / 8, 0.5))  # most have answered by now, and need no watching, which takes a while to import
    how = "" if not thread.is_alive() else _watched(thread, seconds, meter, clock, begin)
    if errors:
        raise errors.pop()  # not in its own frame, which would keep it alive
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
