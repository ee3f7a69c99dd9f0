"""Pipelines: segments at the same time, order, buffers, errors of their own runs, closing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from runtime.made_up import Array, Bindable, Plain, X, info, session, step
from zif.errors import InvalidInput, StageFailed, UsageError
from zif.runtime.session import Session

WAIT = 60.0


def stages(*functions: Any, kind: type[Plain] = Plain) -> Session:
    """Segments in a row: t0 → t1 → …"""
    steps = [
        step(
            number,
            kind(lambda function=function, number=number, **v: {f"t{number + 1}": function(v[f"t{number}"])}),
            f"t{number}",
            f"t{number + 1}",
        )
        for number, function in enumerate(functions)
    ]
    return session(steps, [info("t0", 4)], [info(f"t{len(functions)}", 4)])


class Gauge:
    """A segment that notes who is in it, and how many segments work at once."""

    working = most = 0
    lock = threading.Lock()

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds, self.inside, self.seen = seconds, 0, list[float]()
        self.crowded = False

    def __call__(self, x: Array) -> Array:
        with Gauge.lock:
            self.inside += 1
            self.crowded |= self.inside > 1
            Gauge.working += 1
            Gauge.most = max(Gauge.most, Gauge.working)
        self.seen.append(float(x[0]))
        time.sleep(self.seconds)
        with Gauge.lock:
            self.inside -= 1
            Gauge.working -= 1
        return x + 100


@pytest.fixture(autouse=True)
def fresh() -> None:
    Gauge.working = Gauge.most = 0


@pytest.mark.parametrize("kind", [Plain, Bindable])
def test_segments_work_at_the_same_time_in_order_and_one_run_each(kind: type[Plain]) -> None:
    gauges = [Gauge(), Gauge(), Gauge()]
    with stages(*gauges, kind=kind) as run:
        made = list(run.map({"t0": X + number} for number in range(12)))
        for number, outputs in enumerate(made):
            np.testing.assert_array_equal(outputs["t3"], X + number + 300)
    assert Gauge.most == 3
    for place, gauge in enumerate(gauges):
        assert not gauge.crowded
        assert gauge.seen == [number + 100.0 * place for number in range(12)]


def test_what_was_returned_is_not_written_to_by_later_runs() -> None:
    with stages(lambda x: x + 1, lambda x: x * 2, kind=Bindable) as run, run.pipeline() as pipeline:
        first = pipeline.submit({"t0": X}).result(WAIT)["t2"]
        kept = first.copy()
        for future in [pipeline.submit({"t0": X + number}) for number in range(20)]:
            future.result(WAIT)
        np.testing.assert_array_equal(first, kept)


def test_an_error_is_its_own_runs_and_holds_up_nobody() -> None:
    def odd(x: Array) -> Array:
        if x[0] == 3:
            raise RuntimeError("three is too many")
        return x

    last = Gauge(0.005)
    with stages(odd, last) as run, run.pipeline() as pipeline:
        futures = [pipeline.submit({"t0": X + number}) for number in range(6)]
        for number, future in enumerate(futures):
            if number == 3:
                with pytest.raises(StageFailed, match="three is too many"):
                    future.result(WAIT)
            else:
                np.testing.assert_array_equal(future.result(WAIT)["t2"], X + number + 100)
    assert last.seen == [0, 1, 2, 4, 5]
    assert not last.crowded


def test_a_run_behind_one_that_failed_early_does_not_overtake_the_one_before() -> None:
    go, inside = threading.Event(), threading.Event()
    seen: list[float] = []

    def first(x: Array) -> Array:
        if x[0] == 1:
            raise RuntimeError("gone")
        return x

    def second(x: Array) -> Array:
        if x[0] == 0:
            inside.set()
            assert go.wait(WAIT)
        seen.append(float(x[0]))
        return x

    with stages(first, second) as run, run.pipeline(depth=3) as pipeline:
        futures = [pipeline.submit({"t0": X + number}) for number in range(3)]
        assert inside.wait(WAIT)
        assert isinstance(futures[1].exception(WAIT), StageFailed)
        time.sleep(0.05)
        assert seen == []
        go.set()
        futures[2].result(WAIT)
    assert seen == [0, 2]


def test_map_raises_in_its_place_and_cancels_what_is_behind() -> None:
    def odd(x: Array) -> Array:
        if x[0] == 1:
            raise RuntimeError("gone")
        return x

    with stages(odd) as run:
        made = run.map({"t0": X + number} for number in range(5))
        np.testing.assert_array_equal(next(made)["t1"], X)
        with pytest.raises(StageFailed, match="gone"):
            next(made)
        np.testing.assert_array_equal(run.run({"t0": X})["t1"], X)


def test_no_more_than_depth_are_in_flight() -> None:
    go, taken = threading.Event(), list[int]()

    def wait(x: Array) -> Array:
        assert go.wait(WAIT)
        return x

    with stages(wait, wait) as run, run.pipeline(depth=2) as pipeline:

        def fill() -> None:
            for number in range(4):
                taken.append(number)
                pipeline.submit({"t0": X})

        thread = threading.Thread(target=fill)
        thread.start()
        deadline = time.monotonic() + WAIT
        while len(taken) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert taken == [0, 1, 2]
        go.set()
        thread.join(WAIT)
        assert taken == [0, 1, 2, 3]


def test_a_run_that_is_cancelled_before_it_begins_holds_up_nobody() -> None:
    go = threading.Event()

    def wait(x: Array) -> Array:
        assert go.wait(WAIT)
        return x

    with stages(wait) as run, run.pipeline(depth=3) as pipeline:
        pipeline._pool._max_workers = 1  # the second waits in the queue, as on a machine that starts threads slowly
        futures = [pipeline.submit({"t0": X + number}) for number in range(3)]
        assert futures[1].cancel()
        go.set()
        np.testing.assert_array_equal(futures[2].result(WAIT)["t1"], X + 2)
        np.testing.assert_array_equal(pipeline.submit({"t0": X}).result(WAIT)["t1"], X)


def test_what_is_wrong_is_told_where_it_is_asked() -> None:
    run = stages(lambda x: x)
    pipeline = run.pipeline()
    with pytest.raises(InvalidInput, match="'t0' is missing"):
        pipeline.submit({})
    for depth in (0, -1, 1.5, True, "2"):
        with pytest.raises(UsageError, match="depth"):
            run.pipeline(depth)  # type: ignore[arg-type]
    pipeline.close()
    pipeline.close()
    with pytest.raises(UsageError, match="pipeline is closed"):
        pipeline.submit({"t0": X})
    open_still = run.pipeline()
    run.close()
    with pytest.raises(UsageError, match="session is closed"):
        open_still.submit({"t0": X}).result(WAIT)


def test_closing_the_session_with_runs_in_flight_gives_each_an_answer() -> None:
    inside, go = threading.Event(), threading.Event()

    def slowly(x: Array) -> Array:
        inside.set()
        assert go.wait(WAIT)
        return x

    run = stages(slowly, slowly)
    pipeline = run.pipeline(depth=3)
    futures = [pipeline.submit({"t0": X}) for _ in range(3)]
    assert inside.wait(WAIT)
    run.close()
    go.set()
    for future in futures:
        error = future.exception(WAIT)
        assert error is None or isinstance(error, UsageError)
    pipeline.close()


def test_the_chain_of_turns_does_not_grow() -> None:
    with stages(lambda x: x, lambda x: x) as run, run.pipeline() as pipeline:
        for _ in run.map({"t0": X} for _ in range(50)):
            pass
        for _ in range(50):
            pipeline.submit({"t0": X}).result(WAIT)
        length, turn = 0, pipeline._last
        while turn is not None:
            length, turn = length + 1, turn._before
        assert length <= pipeline.depth + 1


ENDING = """
import threading, numpy as np, zif
from onnx import TensorProto, helper
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy"]
nodes = [helper.make_node("Relu", ["x"], ["r"], "relu"), helper.make_node("Tanh", ["r"], ["y"], "tanh")]
graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
run = zif.load(model, pin={"relu": "qnn_cpu", "tanh": "reference"}, isolate=ISOLATE)
x = np.ones((1, 8), np.float32)
assert len(list(run.map({"x": x} for _ in range(4)))) == 4
pipeline = run.pipeline(depth=4)
futures = [pipeline.submit({"x": x}) for _ in range(4)]
"""


@pytest.mark.parametrize("isolate", [False, True])
def test_the_interpreter_ends_with_runs_in_flight(isolate: bool) -> None:
    code = ENDING.replace("ISOLATE", str(isolate))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
