"""The queue before one processor: whoever matters more comes first, and of those whoever came first."""

from __future__ import annotations

import heapq
import threading
from itertools import count


class Desk:
    """`width` may work at a time. What works is not interrupted: a segment is the smallest piece."""

    def __init__(self, width: int = 1) -> None:
        self._free = width
        self._waiting: list[tuple[int, int]] = []
        self._numbers = count()
        self._changed = threading.Condition()

    def enter(self, priority: int) -> None:
        """Wait for a place."""
        with self._changed:
            mine = (-priority, next(self._numbers))
            heapq.heappush(self._waiting, mine)
            try:
                while not (self._free and self._waiting[0] == mine):
                    self._changed.wait()
                self._free -= 1
            finally:  # an exception in waiting (Ctrl-C) must not leave a place that nobody takes
                self._waiting.remove(mine)
                heapq.heapify(self._waiting)
                self._changed.notify_all()

    def leave(self) -> None:
        """Give the place to who comes first."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()
