"""Steps that no new run begins on, closed when the last run on them has ended.

Every run holds the wiring that it started with, so that is when the wiring is no longer referred to. That costs a run
nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

from zif.runtime.session.step import Step
from zif.runtime.session.wiring import Wiring


class Retired:
    """The steps of wirings that no new run begins on."""

    def __init__(self, let_go: Callable[[Step], None]) -> None:
        self._let_go = let_go
        self._waiting: set[weakref.finalize[..., Wiring]] = set()

    def add(self, wiring: Wiring) -> None:
        """Close the wiring's steps once nobody runs on them. The caller must not keep it."""
        wiring.frames.clear()
        waiting = weakref.finalize(wiring, _close, wiring.steps, self._let_go)
        waiting.atexit = False
        self._waiting = {one for one in self._waiting if one.alive} | {waiting}

    def close(self) -> None:
        """Close what still waits, whoever runs on it."""
        for waiting in list(self._waiting):
            waiting()


def _close(steps: Sequence[Step], let_go: Callable[[Step], None]) -> None:
    for step in reversed(steps):
        let_go(step)
