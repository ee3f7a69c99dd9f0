"""Hosts: who may be resident, who rests, who comes first, what is said when there is no room."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from runtime.made_up import Plain, X, info, session, soon, step
from zif.errors import NoRoom, UsageError
from zif.runtime.hosting.processor_queue import Desk
from zif.runtime.session import Session

WAIT = 60.0
SIDE = 64
#: About what the weights of `product` take.
WEIGHTS = SIDE * SIDE * 4


def product(path: Path, factor: float, state: bool = False) -> Path:
    """y = x · w, with w the identity times a factor; with a state h that is added, and handed on as hn."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, SIDE]) for name in ("x", "y", "h", "hn")]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], "product")]
    if state:
        nodes.append(helper.make_node("Add", ["y", "h"], ["hn"], "sum"))
    kept = [numpy_helper.from_array(np.eye(SIDE, dtype=np.float32) * np.float32(factor), "w")]
    inputs, outputs = [ends[0], *ends[2:3][: int(state)]], [ends[1], *ends[3:][: int(state)]]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, kept)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return product(tmp_path / "a.onnx", 2), product(tmp_path / "b.onnx", 3)


x = np.ones((1, SIDE), np.float32)
ONE_AND_A_HALF = WEIGHTS * 3 // 2


def test_two_that_cannot_be_resident_together_are_named_with_their_sizes(two: tuple[Path, Path]) -> None:
    with zif.Host(memory=ONE_AND_A_HALF) as host:
        first = host.load(two[0], only="qnn_cpu", name="first")
        with pytest.raises(NoRoom) as caught:
            host.load(two[1], only="qnn_cpu", name="second")
        text = str(caught.value)
        assert "'second' needs 16" in text
        assert "'first' holds 16" in text
        assert "KiB that the host may hold: they cannot be resident together" in text
        assert host.sessions == (first,)
        np.testing.assert_array_equal(first.run({"x": x})["y"], x * 2)
        first.rest()
        second = host.load(two[1], only="qnn_cpu", name="second")
        np.testing.assert_array_equal(second.run({"x": x})["y"], x * 3)
        with pytest.raises(NoRoom, match="'first' needs .* and 'second' holds"):
            first.run({"x": x})
        second.close()
        np.testing.assert_array_equal(first.run({"x": x})["y"], x * 2)


def test_one_that_never_fits_is_refused_before_anything_is_compiled(two: tuple[Path, Path]) -> None:
    with zif.Host(memory={"qnn_cpu": WEIGHTS // 2}) as host:
        with pytest.raises(NoRoom, match=r"'a' needs 16.* of qnn_cpu, and the host may hold 8 KiB: it never fits"):
            host.load(two[0], only="qnn_cpu")
        host.load(two[0], only="reference").run({"x": x})


def test_a_bundle_is_admitted_by_its_plan(two: tuple[Path, Path], tmp_path: Path) -> None:
    zif.compile(two[0], tmp_path / "a.zif", only="qnn_cpu", verify=False)
    with zif.Host(memory=ONE_AND_A_HALF) as host:
        bundle = host.load(tmp_path / "a.zif")
        np.testing.assert_array_equal(bundle.run({"x": x})["y"], x * 2)
        with pytest.raises(NoRoom):
            host.load(two[1], only="qnn_cpu")
        bundle.rest()
        np.testing.assert_array_equal(bundle.run({"x": x})["y"], x * 2)


def test_idle_ones_give_way_the_least_important_first_and_the_kept_ones_never(two: tuple[Path, Path]) -> None:
    with zif.Host(memory=WEIGHTS * 5 // 2, give_way=True) as host:
        important = host.load(two[0], only="qnn_cpu", name="important", priority=5)
        lesser = host.load(two[0], only="qnn_cpu", name="lesser", priority=1)
        middle = host.load(two[1], only="qnn_cpu", name="middle", priority=3)
        assert [one.resting for one in (important, lesser, middle)] == [False, True, False]
        with pytest.raises(NoRoom, match="'lesser' needs"):
            lesser.run({"x": x})
        np.testing.assert_array_equal(middle.run({"x": x})["y"], x * 3)
    with zif.Host(memory=ONE_AND_A_HALF, give_way=True) as host:
        kept = host.load(two[0], only="qnn_cpu", keep=True)
        with pytest.raises(NoRoom):
            host.load(two[1], only="qnn_cpu")
        assert not kept.resting


def test_two_take_turns_in_the_memory_of_one_and_stay_right(two: tuple[Path, Path]) -> None:
    with zif.Host(memory=ONE_AND_A_HALF, give_way=True) as host:
        first, second = (host.load(path, only="qnn_cpu") for path in two)
        for _ in range(4):
            np.testing.assert_array_equal(first.run({"x": x})["y"], x * 2)
            assert (first.resting, second.resting) == (False, True)
            np.testing.assert_array_equal(second.run({"x": x})["y"], x * 3)
            assert (first.resting, second.resting) == (True, False)


def test_who_idles_rests_and_runs_again(two: tuple[Path, Path]) -> None:
    with zif.Host(idle=0.2) as host:
        one, kept = host.load(two[0], only="qnn_cpu"), host.load(two[1], only="qnn_cpu", keep=True)
        one.run({"x": x})
        deadline = time.monotonic() + WAIT
        while not one.resting and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (one.resting, kept.resting) == (True, False)
        np.testing.assert_array_equal(one.run({"x": x})["y"], x * 2)
        host.rest()
        assert (one.resting, kept.resting) == (True, False)


def test_streams_and_pipelines_outlive_a_rest(tmp_path: Path) -> None:
    with zif.Host() as host:
        one = host.load(product(tmp_path / "s.onnx", 2, state=True), pin={"sum": "reference", "product": "qnn_cpu"})
        stream = one.stream(state={"h": "hn"})
        stream.run({"x": x})
        one.rest()
        stream.run({"x": x})
        np.testing.assert_array_equal(stream.state["h"], x * 4)
        h = np.zeros_like(x)
        made = list(one.map({"x": x * number, "h": h} for number in range(5)))
        np.testing.assert_array_equal([outputs["y"][0, 0] for outputs in made], [0, 2, 4, 6, 8])


def test_a_session_alone_rests_frees_its_steps_and_loads_again(two: tuple[Path, Path]) -> None:
    with zif.load(two[0], only="qnn_cpu") as one:
        held = one.steps[0].executable
        one.rest()
        one.rest()
        gc.collect()
        assert one.resting
        with pytest.raises(zif.ZifError):
            held.run({"x": x})
        np.testing.assert_array_equal(one.run({"x": x})["y"], x * 2)
        bound = one.bind({"x": x})
        np.testing.assert_array_equal(bound()["y"], x * 2)
        one.rest()
        np.testing.assert_array_equal(bound()["y"], x * 2)
        one.rest()
        assert [step.segment.backend for step, _ in one.stages({"x": x})] == ["qnn_cpu"]
    with pytest.raises(UsageError, match="closed"):
        one.rest()


def test_a_run_that_is_under_way_ends_before_its_session_rests() -> None:
    inside, go, made = threading.Event(), threading.Event(), list[Any]()

    def slowly(x: Any) -> Any:
        inside.set()
        assert go.wait(WAIT)
        return {"y": x}

    executable = Plain(slowly)
    run = session([step(0, executable, "x", "y")], [info("x", 4)], [info("y", 4)])
    run.reload = lambda: session([step(0, Plain(lambda x: {"y": x + 1}), "x", "y")], [info("x", 4)], [info("y", 4)])
    thread = threading.Thread(target=lambda: made.append(run.run({"x": X})["y"]))
    thread.start()
    assert inside.wait(WAIT)
    run.rest()
    np.testing.assert_array_equal(run.run({"x": X})["y"], X + 1)
    assert executable.closed == 0
    go.set()
    thread.join(WAIT)
    gc.collect()
    np.testing.assert_array_equal(made[0], X)
    assert soon(lambda: executable.closed == 1)


def test_steps_that_the_garbage_collector_finds_are_closed_by_somebody_who_may_wait() -> None:
    """A finalizer runs in the middle of anything: what it waits for may be what it has interrupted."""
    lock, closed = threading.Lock(), threading.Event()

    class Locked(Plain):
        def close(self) -> None:
            with lock:
                closed.set()

    run = session([step(0, Locked(lambda x: {"y": x}), "x", "y")], [info("x", 4)], [info("y", 4)])
    other = session([step(0, Plain(lambda x: {"y": x}), "x", "y")], [info("x", 4)], [info("y", 4)])
    ring: list[Any] = [run._wiring]
    ring.append(ring)
    run.adopt(other)
    del ring
    with lock:
        gc.collect()
    assert closed.wait(WAIT)


def test_a_model_that_was_changed_is_not_loaded_again(two: tuple[Path, Path]) -> None:
    with zif.load(two[0], only="qnn_cpu") as one:
        one.rest()
        two[0].write_bytes(two[1].read_bytes())
        with pytest.raises(UsageError, match="the model was changed"):
            one.run({"x": x})


def test_by_hand_there_is_nothing_to_load_again() -> None:
    run = session([step(0, Plain(lambda x: {"y": x}), "x", "y")], [info("x", 4)], [info("y", 4)])
    with pytest.raises(UsageError, match="can rest"):
        run.rest()


def test_the_desk_lets_the_more_important_first_and_then_in_order() -> None:
    desk, order = Desk(), list[int]()
    desk.enter(0)

    def work(number: int, priority: int) -> None:
        desk.enter(priority)
        order.append(number)
        desk.leave()

    threads = []
    for number, priority in enumerate((0, 0, 5, 1)):
        threads.append(threading.Thread(target=work, args=(number, priority)))
        threads[-1].start()
        deadline = time.monotonic() + WAIT
        while len(desk._waiting) <= number and time.monotonic() < deadline:
            time.sleep(0.005)
    desk.leave()
    for thread in threads:
        thread.join(WAIT)
    assert order == [2, 3, 0, 1]


def hosted(run: Session, host: zif.Host, priority: int = 0) -> Any:
    from zif.runtime.hosting import Hosted

    return Hosted(host, run, "made up", priority, {}, False)


def test_segments_of_one_processor_take_turns_and_a_fault_gives_the_place_back() -> None:
    inside = [0, 0]
    lock = threading.Lock()

    def count(x: Any) -> Any:
        with lock:
            inside[0] += 1
            inside[1] = max(inside)
        time.sleep(0.01)
        with lock:
            inside[0] -= 1
        if x[0] < 0:
            raise RuntimeError("odd")
        return {"y": x}

    with zif.Host() as host:
        ones = [
            hosted(session([step(0, Plain(count), "x", "y")], [info("x", 4)], [info("y", 4)]), host) for _ in range(4)
        ]

        def work(one: Any) -> None:
            for _ in range(5):
                one.run({"x": X})
            with pytest.raises(zif.StageFailed):
                one.run({"x": X - 100})
            one.run({"x": X})

        threads = [threading.Thread(target=work, args=(one,)) for one in ones]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert inside == [0, 1]
        assert all(one._busy == 0 for one in ones)


@pytest.mark.parametrize("wishes", [{"memory": "much"}, {"memory": {"npu": 0}}, {"idle": 0}, {"idle": -1}])
def test_limits_that_are_none_are_refused(wishes: Any) -> None:
    with pytest.raises(UsageError):
        zif.Host(**wishes)


def test_a_closed_host_takes_nobody(two: tuple[Path, Path]) -> None:
    host = zif.Host()
    one = host.load(two[0], only="qnn_cpu")
    host.close()
    host.close()
    with pytest.raises(UsageError, match="host is closed"):
        host.load(two[0])
    with pytest.raises(UsageError, match="session is closed"):
        one.run({"x": x})


def test_a_session_of_several_sizes_rests_too() -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "n"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"], "neg")], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with zif.load(model, only="qnn_cpu", buckets={"n": (4, 8)}) as one:
        for length in (3, 8):
            one.rest()
            given = np.ones((1, length), np.float32)
            np.testing.assert_array_equal(one.run({"x": given})["y"], -given)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_who_is_closed_while_the_host_looks_for_idle_ones_disturbs_nobody(two: tuple[Path, Path]) -> None:
    with zif.Host(idle=0.01) as host:
        for _ in range(10):
            one = host.load(two[0], only="qnn_cpu")
            time.sleep(0.01)
            one.close()
        by_hand = host.load(two[1], only="qnn_cpu")
        by_hand.session.reload = None
        time.sleep(0.1)
        assert not by_hand.resting
