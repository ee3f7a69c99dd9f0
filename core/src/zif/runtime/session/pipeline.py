"""Runs that follow each other through the segments: while one is in the second, the next is in the first.

A thread carries a run through all its segments, and enters each when the run before has left it. Nothing is handed from
thread to thread, so that a run alone takes as long as ever, and its values stay in one processor's caches. Every run in
flight has buffers of its own.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from zif.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

    from zif.records import Arrays

#: Runs in flight at most, whatever the number of segments: each has buffers of its own.
MOST = 8


class Carries(Protocol):
    """What a pipeline runs on: a session."""

    @property
    def steps(self) -> tuple[Any, ...]: ...

    def admitted(self, inputs: Arrays) -> Mapping[str, Any]: ...

    def carried(self, values: Mapping[str, Any], between: Callable[[], None]) -> dict[str, Any]: ...


class Turn:
    """The place of one run: which segments it has left, and whom it follows. Called before each segment."""

    def __init__(self, before: Turn | None) -> None:
        self._before = before
        self._entered = self._left = 0
        self._ended = False
        self._changed = threading.Condition()

    def __call__(self) -> None:
        """Leave the segment, and enter the next one when the run before has left it."""
        self._leave()
        self._follow(self._entered)
        self._entered += 1

    def end(self) -> None:
        """Leave all segments, those that it never came to included: what went wrong holds up nobody."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        while self._before is not None and self._before._ended:  # the chain must not grow
            self._before = self._before._before

    def _leave(self) -> None:
        with self._changed:
            self._left = self._entered
            self._changed.notify_all()

    def _follow(self, segment: int) -> None:
        """Wait until those before have left a segment: one that ended early passes on whom it followed."""
        before = self._before
        while before is not None:
            with before._changed:
                while before._left <= segment and not before._ended:
                    before._changed.wait()
                if not before._ended:
                    return
            before = before._before


class Pipeline:
    """Runs of a session in flight at the same time, in order. Made by `Session.pipeline`; may be used by many threads.

    depth: how many are in flight at most.
    """

    def __init__(self, session: Carries, depth: int | None = None) -> None:
        self.depth = _checked(depth) if depth is not None else min(MOST, len(session.steps) + 1)
        self._session = session
        self._lock = threading.Lock()
        self._closed = False
        self._last: Turn | None = None
        self._begin()

    def submit(self, inputs: Arrays | None = None) -> Future[dict[str, Any]]:
        """A run behind all that were submitted before; waits while `depth` runs are in flight.

        The arrays must stay as they are until it is over. What `Session.run` raises is in its own future. Raises
        InvalidInput for inputs that do not fit, and UsageError after `close`.
        """
        values = self._session.admitted(inputs if inputs is not None else {})
        if self._owner != os.getpid():  # the threads are the parent's
            self._begin()
        room = self._room
        room.acquire()
        try:
            with self._lock:
                if self._closed:
                    raise UsageError("the pipeline is closed: open another one with session.pipeline")
                self._last = turn = Turn(self._last)
                future = self._pool.submit(self._carry, values, turn)
        except BaseException:
            room.release()
            raise

        def over(_: Any) -> None:
            turn.end()
            room.release()

        future.add_done_callback(over)
        return future

    def map(self, inputs: Iterable[Arrays]) -> Iterator[dict[str, Any]]:
        """The outputs for each of these inputs, in order; as many as `depth` are read ahead.

        What a run raises is raised in its place; then those behind it are cancelled, as far as they have not begun.
        """
        waiting: deque[Future[dict[str, Any]]] = deque()
        try:
            for arrays in inputs:
                if len(waiting) >= self.depth:
                    yield waiting.popleft().result()
                waiting.append(self.submit(arrays))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Take no more runs, and wait for those in flight. May be called twice; the session stays open."""
        with self._lock:
            self._closed = True
        if self._owner == os.getpid():
            self._pool.shutdown(wait=True)

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> None:
        self._owner = os.getpid()
        self._room = threading.Semaphore(self.depth)
        self._pool = ThreadPoolExecutor(self.depth, thread_name_prefix="zif-pipeline")
        self._last = None

    def _carry(self, values: Mapping[str, Any], turn: Turn) -> dict[str, Any]:
        try:
            return self._session.carried(values, turn)
        finally:
            turn.end()


def _checked(depth: Any) -> int:
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise UsageError(f"depth={depth!r}: must be a number of runs, 1 or more")
    return depth
