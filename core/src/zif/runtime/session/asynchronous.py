"""Runs that are asked for now and made later: a queue with an end, deadlines, and futures that can be awaited.

What makes the runs is one callable, `submit`: a pool of threads here, or whoever can do several runs at a time better.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from zif.errors import DeadlineExceeded, QueueFull
from zif.runtime.session.deadlines import Deadlines

#: Takes a job and sees to it that it is done soon, in another thread.
Submit = Callable[[Callable[[], None]], object]
#: Called between segments: raises for a run that is no longer wanted.
Stop = Callable[[], None]


class Run(Future[dict[str, Any]]):
    """A run on its way: a `concurrent.futures.Future` that can also be awaited, under asyncio and trio (anyio).

    `cancel` takes a run out of the queue; one that is being made ends before its next segment, and its future says then
    that it was cancelled. What a backend has begun, it ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.RLock()
        self._unwanted = False

    def cancel(self) -> bool:
        """True when the run will not be made. False when it is being made or over."""
        self._unwanted = True
        return super().cancel()

    @property
    def unwanted(self) -> str:
        """Why nobody waits for the rest: "late", "cancelled"; "" while somebody does."""
        return "late" if self.done() else "cancelled" if self._unwanted else ""

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """What came of it, unless somebody has answered before."""
        with self.gate:
            if self.done():
                return
            if error is None:
                self.set_result(result)
            else:
                self.set_exception(error)

    def begin(self) -> bool:
        """False for a run that was cancelled or is too late."""
        with self.gate:
            return not self.done() and self.set_running_or_notify_cancel()

    def __await__(self) -> Generator[Any, None, dict[str, Any]]:
        if "trio" in sys.modules and not _in_asyncio():
            return (yield from _under_trio(self).__await__())
        import asyncio

        return (yield from asyncio.wrap_future(self).__await__())


class Asynchronous:
    """The queue of one session: at most `limit` runs wait or are made, `workers` of them at a time."""

    def __init__(self, workers: int = 1, limit: int = 16, submit: Submit | None = None) -> None:
        self._workers, self._limit, self._hand_on = workers, limit, submit
        self._fresh()

    def _fresh(self) -> None:
        self._owner = os.getpid()
        self._slots = threading.BoundedSemaphore(self._limit)
        self._pool: ThreadPoolExecutor | None = None
        self._late = Deadlines()
        self._lock = threading.Lock()

    def run(self, call: Callable[[Stop], Any], deadline: float | None, wait: float | None) -> Run:
        """A run of `call`, which is handed what to ask between segments.

        deadline: seconds until DeadlineExceeded. wait: seconds to wait for a place in the queue, None: as long as it
        takes; in an event loop nobody waits. Raises QueueFull.
        """
        if self._owner != os.getpid():  # the threads are the parent's
            self._fresh()
        self._admit(0.0 if _in_loop() else wait)
        made = Run()
        try:
            if deadline is not None:
                self._late.add(made, deadline)
            self._submit(_Job(made, call, self._slots.release))
        except BaseException:
            self._slots.release()
            raise
        return made

    def close(self) -> None:
        """Cancel what waits; what is being made ends by itself."""
        if self._pool is not None and self._owner == os.getpid():
            self._pool.shutdown(wait=False, cancel_futures=False)

    def _admit(self, wait: float | None) -> None:
        if not self._slots.acquire(blocking=wait != 0, timeout=wait or None):
            raise QueueFull(f"{self._limit} runs wait already: wait for one of them, or hand over runs more slowly")

    def _submit(self, job: Callable[[], None]) -> None:
        if self._hand_on is not None:
            self._hand_on(job)
            return
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="zif-run")
        self._pool.submit(job)


def _asked(run: Run) -> Stop:
    """What raises CancelledError or DeadlineExceeded once nobody waits for a run; it does not keep the run."""
    there = weakref.ref(run)

    def stop() -> None:
        why = getattr(there(), "unwanted", "cancelled")
        if why == "late":
            raise DeadlineExceeded("the run's time is over")
        if why:
            raise CancelledError

    return stop


class _Job:
    """A run to be made, once.

    It lets go of the run before it ends: the frames of an error that the run holds would hold the run, and with it all
    arrays, until the garbage collector looks.
    """

    def __init__(self, run: Run, call: Callable[[Stop], Any], over: Callable[[], None]) -> None:
        self._todo: tuple[Run, Callable[[Stop], Any]] | None = (run, call)
        self._over = over

    def __call__(self) -> None:
        todo, self._todo = self._todo, None
        try:
            if todo is not None and todo[0].begin():
                try:
                    made = todo[1](_asked(todo[0]))
                except BaseException as error:
                    todo[0].end(error=error)
                else:
                    todo[0].end(made)
        finally:
            todo = None
            self._over()


def _in_asyncio() -> bool:
    if "asyncio" not in sys.modules:
        return False
    import asyncio

    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return True
    return False


def _in_loop() -> bool:
    if _in_asyncio():
        return True
    if "trio" not in sys.modules:
        return False
    import trio

    with suppress(RuntimeError):
        trio.lowlevel.current_trio_token()
        return True
    return False


async def _under_trio(run: Run) -> dict[str, Any]:
    import trio

    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def tell(_: object) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    run.add_done_callback(tell)
    try:
        await done.wait()
    except trio.Cancelled:
        run.cancel()
        raise
    return run.result(0)
