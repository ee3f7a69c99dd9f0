"""How long a backend may take to answer, and what to do when it does not: it counts as broken."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from zif.errors import BackendBroken, UsageError

T = TypeVar("T")


#: Environment variable with the seconds that a backend has to be imported and to say what it is; and the default.
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


def within(seconds: float, call: Callable[[], T], what: str) -> T:
    """The answer of `call`, or BackendBroken when there is none in time.

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
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not box:
        raise BackendBroken(f"{what} within {seconds:g} s; tell its author, or uninstall it")
    return box[0]
