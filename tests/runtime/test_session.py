"""Sessions over made-up executables: order, buffers, release, aliasing, faults, threads, close."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from runtime.made_up import Array, Bindable, Plain, X, info, session, step
from zif.errors import BackendBroken, InvalidInput, StageFailed, UsageError, ZifError
from zif.runtime.session import Session, Step, Timing
from zif.runtime.session.frames import ALIGN, allocate, bindable


def diamond(kind: type[Plain]) -> list[Step]:
    return [
        step(0, kind(lambda x: {"a": x + 1}), "x", "a"),
        step(1, kind(lambda a: {"b": a * 2}), "a", "b"),
        step(2, kind(lambda a: {"c": a * 3}), "a", "c"),
        step(3, kind(lambda b, c: {"y": b + c}), "b c", "y"),
    ]


@pytest.mark.parametrize("kind", [Plain, Bindable])
def test_a_diamond_runs_in_order_and_traces_every_segment(kind: type[Plain]) -> None:
    trace: list[Timing] = []
    with session(diamond(kind), [info("x", 4)], [info("y", 4)]) as one:
        np.testing.assert_array_equal(one.run({"x": X}, trace=trace)["y"], (X + 1) * 5)
    assert [timing.segment for timing in trace] == [0, 1, 2, 3]
    assert all(timing.ms >= 0 for timing in trace)


def test_only_tensors_between_binding_segments_are_bound() -> None:
    steps = diamond(Bindable)
    session(steps, [info("x", 4)], [info("y", 4)]).run({"x": X})
    assert steps[0].executable.bound == ((), ("a",))  # type: ignore[attr-defined]
    assert steps[3].executable.bound == (("b", "c"), ())  # type: ignore[attr-defined]
    mixed = diamond(Bindable)
    mixed[1] = step(1, Plain(lambda a: {"b": a * 2}), "a", "b")
    tensors = {name: info(name, 4) for name in "xabcy"}
    assert bindable(mixed, tensors, ["y"]) == ["c"]
    assert bindable(diamond(Bindable), tensors | {"a": info("a", "n")}, ["y"]) == ["b", "c"]


def test_an_output_is_never_overwritten_by_the_next_run() -> None:
    steps = [
        step(0, Bindable(lambda x: {"a": x + 1}), "x", "a"),
        step(1, Bindable(lambda a: {"y": a * 2}), "a", "y"),
    ]
    with session(steps, [info("x", 4)], [info("a", 4), info("y", 4)]) as one:
        first = one.run({"x": X})
        kept = {name: array.copy() for name, array in first.items()}
        one.run({"x": X + 100})
        for name in ("a", "y"):
            np.testing.assert_array_equal(first[name], kept[name])


def test_buffers_are_shared_only_by_tensors_that_are_never_alive_together() -> None:
    steps = [step(i, Bindable(lambda **_: {}), f"t{i}", f"t{i + 1}") for i in range(6)]
    arrays = allocate(steps, {f"t{i}": info(f"t{i}", 1000) for i in range(1, 6)})
    assert all(array.ctypes.data % ALIGN == 0 for array in arrays.values())
    assert len({array.ctypes.data for array in arrays.values()}) == 2
    for i in range(1, 5):
        assert arrays[f"t{i}"].ctypes.data != arrays[f"t{i + 1}"].ctypes.data


def test_values_are_let_go_after_their_last_use() -> None:
    alive: list[int] = []

    class Watched(np.ndarray):
        def __array_finalize__(self, _: Any) -> None:
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    def make(**values: Array) -> Mapping[str, Array]:
        name = f"t{int(next(iter(values))[1:]) + 1}"
        seen.append(len(alive))
        return {name: np.zeros(4, np.float32).view(Watched)}

    seen: list[int] = []
    steps = [step(i, Plain(make), f"t{i}", f"t{i + 1}") for i in range(8)]
    session(steps, [info("t0", 4)], [info("t8", 4)]).run({"t0": X})
    assert max(seen) <= 1


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "input 'x' is missing: it takes float32 [2, n]"),
        ({"x": np.zeros((2, 3), np.float64)}, "input 'x' has dtype float64: it takes float32 [2, n]"),
        ({"x": np.zeros((3, 3), np.float32)}, "input 'x' has shape [3, 3]: it takes float32 [2, n]"),
        ({"x": np.zeros(2, np.float32)}, "input 'x' has shape [2]"),
        ({"x": np.zeros((2, 3), np.float32), "z": X}, "no input 'z'"),
        ({"x": None}, "input 'x' is None"),
        ([X], "must be a mapping"),
        (X, "such as {'x': array}"),
    ],
)
def test_inputs_that_do_not_fit_are_named(inputs: Any, words: str) -> None:
    one = session([step(0, Plain(lambda x: {"y": x}), "x", "y")], [info("x", 2, "n")], [info("y", 2, "n")])
    with pytest.raises(InvalidInput) as caught:
        one.run(inputs)
    assert words in str(caught.value)


def test_strided_inputs_and_text_are_taken() -> None:
    given: list[Array] = []

    def keep(x: Array, s: Array) -> Mapping[str, Array]:
        given.extend([x, s])
        return {"y": x}

    inputs = [info("x", 4), info("s", 2, type="tensor(string)")]
    one = session([step(0, Plain(keep), "x s", "y")], inputs, [info("y", 4)])
    one.run({"x": np.zeros(8, np.float32)[::2], "s": np.array(["a", "b"])})
    assert given[0].flags.c_contiguous
    assert given[1].dtype == object


def test_optional_inputs_may_be_left_out() -> None:
    steps = [step(0, Plain(lambda x, w=X: {"y": x + w}), "x w", "y")]
    one = session(steps, [info("x", 4)], [info("y", 4)], optional=[info("w", 4)])
    np.testing.assert_array_equal(one.run({"x": X})["y"], X + X)
    np.testing.assert_array_equal(one.run({"x": X, "w": X * 2})["y"], X * 3)


def boom(**_: Any) -> Mapping[str, Array]:
    raise RuntimeError("the device is on fire")


@pytest.mark.parametrize("count", [1, 2])
def test_a_fault_names_the_segment_and_the_backend(count: int) -> None:
    steps = [step(0, Plain(boom), "x", "a"), step(1, Plain(lambda a: {"y": a}), "a", "y")][:count]
    out = "a" if count == 1 else "y"
    with pytest.raises(StageFailed, match="segment 0: backend 'b0' failed to run: the device is on fire"):
        session(steps, [info("x", 4)], [info(out, 4)]).run({"x": X})


@pytest.mark.parametrize("count", [1, 2])
def test_a_fault_moves_the_segment_when_the_host_allows_it(count: int) -> None:
    broken = Plain(boom)
    steps = [step(0, broken, "x", "a"), step(1, Plain(lambda a: {"y": a * 2}), "a", "y")][:count]
    out = "a" if count == 1 else "y"

    def rescue(old: Step, fault: ZifError) -> Step:
        assert "on fire" in str(fault)
        return step(1, Plain(lambda x: {"a": x + 1}), "x", "a")

    one = session(steps, [info("x", 4)], [info(out, 4)], rescue=rescue)
    np.testing.assert_array_equal(one.run({"x": X})[out], (X + 1) * count)
    assert [event.kind for event in one.events] == ["fallback"]
    assert "moved from b0 to b1" in one.events[0].text
    assert one.plan.segments[0].backend == "b1"
    assert broken.closed == 1
    one.run({"x": X})
    assert len(one.events) == 1


def test_one_segment_alone_gives_the_outputs_of_the_model_and_no_others() -> None:
    def alone(*given: Any) -> Session:
        answers = iter(given)
        return session(
            [step(0, Plain(lambda x: next(answers)), "x", "y z")], [info("x", 4)], [info("y", 4), info("z", 4)]
        )

    assert list(alone({"z": X, "more": X, "y": X}).run({"x": X})) == ["y", "z"]
    with pytest.raises(BackendBroken, match="backend 'b0' did not return the output 'z'"):
        alone({"y": X}).run({"x": X})
    with pytest.raises(BackendBroken, match="backend 'b0' returned None, not a mapping"):
        alone(None, None).run({"x": X})


def test_a_missing_output_is_the_backends_fault() -> None:
    steps = [step(0, Plain(lambda x: {"a": x}), "x", "a"), step(1, Plain(lambda a: {}), "a", "y")]
    with pytest.raises(BackendBroken, match="backend 'b1' did not return the output 'y'"):
        session(steps, [info("x", 4)], [info("y", 4)]).run({"x": X})


def test_close_twice_and_run_after() -> None:
    executable = Plain(lambda x: {"y": x})
    one = session([step(0, executable, "x", "y")], [info("x", 4)], [info("y", 4)])
    one.close()
    one.close()
    assert executable.closed == 1
    with pytest.raises(UsageError, match="closed"):
        one.run({"x": X})


def test_threads_do_not_share_buffers() -> None:
    barrier = threading.Barrier(4)

    def slow(a: Array) -> Mapping[str, Array]:
        before = a.copy()
        barrier.wait(timeout=30)
        assert np.array_equal(a, before)
        return {"y": a * 2}

    steps = [step(0, Bindable(lambda x: {"a": x + 1}), "x", "a"), step(1, Bindable(slow), "a", "y")]
    one = session(steps, [info("x", 4)], [info("y", 4)])
    results: dict[int, Array] = {}
    threads = [threading.Thread(target=lambda i=i: results.update({i: one.run({"x": X + i})["y"]})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_array_equal(results[i], (X + i + 1) * 2)
