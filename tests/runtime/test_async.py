"""Runs that are asked for in advance: futures, awaiting, cancelling, deadlines, a queue with an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any

import numpy as np
import pytest
from runtime.made_up import Plain, X, info, session, step
from zif.errors import DeadlineExceeded, InvalidInput, QueueFull, StageFailed, UsageError
from zif.runtime.session import Session


class Held:
    """A session of two segments whose first waits until it is let go."""

    def __init__(self) -> None:
        self.began, self.go, self.second = threading.Semaphore(0), threading.Event(), 0
        steps = [step(0, Plain(self._first), "x", "a"), step(1, Plain(self._second), "a", "y")]
        self.session = session(steps, [info("x", 4)], [info("y", 4)])

    def _first(self, x: Any) -> Mapping[str, Any]:
        self.began.release()
        assert self.go.wait(60)
        return {"a": x + 1}

    def _second(self, a: Any) -> Mapping[str, Any]:
        self.second += 1
        return {"y": a * 2}


def doubling(work: Callable[[Any], Any] = lambda x: x * 2) -> Session:
    return session([step(0, Plain(lambda x: {"y": work(x)}), "x", "y")], [info("x", 4)], [info("y", 4)])


def test_a_run_is_a_future() -> None:
    with doubling() as one:
        runs = [one.run_async({"x": X * n}) for n in range(5)]
        assert all(isinstance(run, Future) for run in runs)
        assert [run.result(60)["y"].tolist() for run in runs] == [(X * n * 2).tolist() for n in range(5)]


def test_errors_are_in_the_future_and_those_of_the_caller_at_once() -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("of the engine")

    with doubling(broken) as one:
        with pytest.raises(StageFailed, match="of the engine"):
            one.run_async({"x": X}).result(60)
        with pytest.raises(InvalidInput, match="'x' is missing"):
            one.run_async({})
        with pytest.raises(InvalidInput, match="no output 'q'"):
            one.run_async({"x": X}, outputs={"q": X})


def test_results_go_into_given_arrays() -> None:
    y = np.zeros(4, np.float32)
    with doubling() as one:
        assert one.run_async({"x": X}, outputs={"y": y}).result(60)["y"] is y
    assert y.tolist() == (X * 2).tolist()


def test_it_can_be_awaited_under_asyncio() -> None:
    async def work() -> list[Any]:
        first = one.run_async({"x": X})
        return [(await first)["y"].tolist(), *(r["y"].tolist() for r in await asyncio.gather(*map(ask, range(3))))]

    async def ask(n: int) -> Mapping[str, Any]:
        return await one.run_async({"x": X * n})

    with doubling() as one:
        assert asyncio.run(work()) == [(X * 2).tolist(), *((X * n * 2).tolist() for n in range(3))]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_can_be_awaited_under_anyio(backend: str) -> None:
    anyio = pytest.importorskip("anyio")
    pytest.importorskip(backend)
    found = {}

    async def ask(n: int) -> None:
        found[n] = (await one.run_async({"x": X * n}))["y"].tolist()

    async def work() -> None:
        async with anyio.create_task_group() as group:
            for n in range(3):
                group.start_soon(ask, n)

    with doubling() as one:
        anyio.run(work, backend=backend)
    assert found == {n: (X * n * 2).tolist() for n in range(3)}


def test_a_task_that_is_cancelled_cancels_its_run() -> None:
    held = Held()

    async def work() -> Any:
        runs = [held.session.run_async({"x": X}) for _ in range(2)]
        waiting = asyncio.ensure_future(_waiting(runs[1]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        held.go.set()
        return runs[1], await runs[0]

    cancelled, _ = asyncio.run(work())
    assert cancelled.cancelled()
    assert held.second == 1


async def _waiting(run: Any) -> Any:
    return await run


def test_what_waits_can_be_cancelled_and_what_runs_ends_before_its_next_segment() -> None:
    held = Held()
    running, waiting = held.session.run_async({"x": X}), held.session.run_async({"x": X})
    assert held.began.acquire(timeout=60)
    assert waiting.cancel()
    assert not running.cancel()
    held.go.set()
    with pytest.raises(CancelledError):
        running.result(60)
    assert held.second == 0


def test_a_deadline_ends_what_waits_and_what_runs() -> None:
    held = Held()
    late = held.session.run_async({"x": X}, deadline=0.05)
    waiting = held.session.run_async({"x": X}, deadline=0.05)
    in_time = held.session.run_async({"x": X}, deadline=600)
    for run in (late, waiting):
        with pytest.raises(DeadlineExceeded, match=r"not over after 0\.05 s"):
            run.result(60)
    held.go.set()
    assert in_time.result(60)["y"].tolist() == ((X + 1) * 2).tolist()
    assert held.second == 1  # the late one's second segment was not begun


def test_the_queue_has_an_end() -> None:
    held = Held()
    held.session.queue(workers=1, limit=2)
    runs = [held.session.run_async({"x": X}) for _ in range(2)]
    for wait in (0, 0.01):
        with pytest.raises(QueueFull, match="2 runs wait already"):
            held.session.run_async({"x": X}, wait=wait)
    third: list[Any] = []
    thread = threading.Thread(target=lambda: third.append(held.session.run_async({"x": X})))
    thread.start()
    assert not third  # it waits for a place
    held.go.set()
    thread.join(60)
    assert [run.result(60)["y"].tolist() for run in (*runs, *third)] == [((X + 1) * 2).tolist()] * 3


def test_in_an_event_loop_nobody_waits_for_a_place() -> None:
    held = Held()
    held.session.queue(limit=1)

    async def work() -> None:
        first = held.session.run_async({"x": X})
        with pytest.raises(QueueFull):
            held.session.run_async({"x": X})
        held.go.set()
        await first

    asyncio.run(work())


def test_runs_of_several_workers_overlap() -> None:
    meeting = threading.Barrier(3)

    def meet(x: Any) -> Any:
        meeting.wait(60)
        return x

    with doubling(meet) as one:
        one.queue(workers=3)
        assert [run.result(60)["y"].tolist() for run in [one.run_async({"x": X}) for _ in range(3)]] == [X.tolist()] * 3


def test_who_makes_the_runs_can_be_replaced() -> None:
    jobs: list[Callable[[], None]] = []
    with doubling() as one:
        one.queue(submit=jobs.append)
        run = one.run_async({"x": X})
        assert not run.done()
        jobs.pop()()
        assert run.result(0)["y"].tolist() == (X * 2).tolist()


def test_a_closed_session_takes_no_runs() -> None:
    one = doubling()
    one.run_async({"x": X}).result(60)
    one.close()
    with pytest.raises(UsageError, match="closed"):
        one.run_async({"x": X})


def test_a_run_that_waits_when_its_session_is_closed_says_so() -> None:
    held = Held()
    running, waiting = held.session.run_async({"x": X}), held.session.run_async({"x": X})
    assert held.began.acquire(timeout=60)
    held.session.close()
    held.go.set()
    with pytest.raises(UsageError, match="closed"):
        waiting.result(60)
    running.exception(60)
