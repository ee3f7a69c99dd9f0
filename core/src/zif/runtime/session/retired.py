"""Steps that no new run begins on, closed when the last run on them has ended.

Every run holds the wiring that it started with, so that is when the wiring is no longer referred to. That costs a run
nothing. It may be the garbage collector that finds out, in the middle of anything, a worker's own exchange included:
whoever closes must not wait for a lock there, and so a thread of its own does it.
"""

from __future__ import annotations

import _thread
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress

from zif.runtime.session.step import Step
from zif.runtime.session.wiring import Wiring

LetGo = Callable[[Step], None]


class Retired:
    """The steps of wirings that no new run begins on."""

    def __init__(self, let_go: LetGo) -> None:
        self._let_go = let_go
        self._waiting: set[weakref.finalize[..., Wiring]] = set()

    def add(self, wiring: Wiring) -> Leaving:
        """Close the wiring's steps once nobody runs on them. The caller must not keep it."""
        wiring.frames.clear()
        closed = threading.Event()
        waiting = weakref.finalize(wiring, _close_apart, wiring.steps, self._let_go, closed)
        waiting.atexit = False
        self._waiting = {waiting for waiting in self._waiting if waiting.alive} | {waiting}
        return Leaving(waiting, closed)

    def close(self) -> None:
        """Close what still waits, whoever runs on it."""
        for waiting in list(self._waiting):
            retired = waiting.detach()
            if retired is not None:
                _close(*retired[2])


class Leaving:
    """Steps on their way out."""

    def __init__(self, waiting: weakref.finalize[..., Wiring], closed: threading.Event) -> None:
        self._waiting, self._closed = waiting, closed

    def wait(self) -> None:
        """Wait until they are closed, unless a run keeps them. Not for finalizers."""
        if not self._waiting.alive:
            self._closed.wait()


def _close_apart(steps: Sequence[Step], let_go: LetGo, closed: threading.Event) -> None:
    try:  # no threading.Thread: it takes a lock that the interrupted code may hold
        _thread.start_new_thread(_close, (steps, let_go, closed))
    except RuntimeError:  # no thread is to be had, as at the end of the interpreter
        closed.set()


def _close(steps: Sequence[Step], let_go: LetGo, closed: threading.Event) -> None:
    for step in reversed(steps):
        with suppress(Exception):  # what a backend raises is an event already
            let_go(step)
    closed.set()
