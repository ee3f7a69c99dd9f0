"""One thread that tells runs when their time is over; there is none before a run has a deadline."""

from __future__ import annotations

import heapq
import threading
from itertools import count
from time import monotonic
from typing import Any

from zif.errors import DeadlineExceeded


class Deadlines:
    """`add` a run with its seconds: unless it is over by then, it ends with DeadlineExceeded."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, float, Any]] = []
        self._number = count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, run: Any, seconds: float) -> None:
        """From now on, the run has so many seconds."""
        with self._changed:
            heapq.heappush(self._heap, (monotonic() + seconds, next(self._number), seconds, run))
            if self._thread is None:  # nobody waits for it at the end: it holds nothing
                self._thread = threading.Thread(target=self._watch, name="zif-deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while self._heap and self._heap[0][3].done():
                    heapq.heappop(self._heap)
                if not self._heap:
                    if not self._changed.wait(10) and not self._heap:  # it comes back when it is wanted
                        self._thread = None
                        return
                    continue
                when, _, seconds, run = self._heap[0]
                left = when - monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                heapq.heappop(self._heap)
            run.end(error=DeadlineExceeded(f"the run was not over after {seconds:g} s"))
