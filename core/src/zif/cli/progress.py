"""What is going on, for someone who waits: a spinner on stderr once two seconds have passed, and only on a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

#: Seconds of silence before a spinner appears.
PATIENCE = 2.0


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Yields a function that takes the next thing that is being done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    spinner = _Spinner(text)
    try:
        yield spinner.say
    finally:
        spinner.stop()


class _Spinner:
    """A rich status that starts by itself when the work takes long."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._begun = monotonic()
        self._status: Any = None
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = threading.Timer(PATIENCE, self._start)
        self._timer.daemon = True
        self._timer.start()

    def say(self, text: str) -> None:
        with self._lock:
            self._text = text
            if self._status is not None:
                self._status.update(self._line())

    def stop(self) -> None:
        with self._lock:
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
            if self._status is not None:
                self._status.stop()

    def _start(self) -> None:
        from zif.cli import output

        with self._lock:
            if self._timer is not None:
                self._status = output.console(stderr=True).status(self._line())
                self._status.start()

    def _line(self) -> str:
        return f"{self._text} ({monotonic() - self._begun:.0f} s)"
