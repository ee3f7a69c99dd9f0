"""What is going on, for someone who waits: a spinner on stderr once two seconds have passed, and only on a terminal."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zif.files.wording import printable

if TYPE_CHECKING:
    from rich.progress import Progress

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
    """A line with a spinner, a text and the seconds since the beginning, which shows itself when the work is long."""

    def __init__(self, text: str) -> None:
        self._text = printable(text)
        self._shown: Progress | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE, self._show)
        self._timer.daemon = True
        self._timer.start()

    def say(self, text: str) -> None:
        """Change the text."""
        text = printable(text)
        with self._lock:
            self._text = text
            if self._shown is not None:
                self._shown.update(self._shown.task_ids[0], description=text, **_counted(text))

    def stop(self) -> None:
        """Take the line away."""
        self._timer.cancel()
        with self._lock:
            self._stopped = True
            if self._shown is not None:
                self._shown.stop()

    def _show(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        from zif.cli.views import terminal

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24), TimeElapsedColumn())
        shown = Progress(*columns, console=terminal.console(stderr=True), transient=True)
        with self._lock:
            if self._stopped:
                return
            shown.add_task(self._text, **{"total": None} | _counted(self._text))
            task = shown.tasks[0]
            task.start_time = shown.get_time() - PATIENCE
            shown.start()
            self._shown = shown


def _counted(text: str) -> dict[str, Any]:
    """How far a bar is, when the text says so: "calibrating: sample 3 of 20"."""
    match = re.search(r"(\d+) of (\d+)$", text)
    return {"completed": int(match[1]) - 1, "total": int(match[2])} if match else {"total": None}
