"""Runs into arrays of the caller's: `run(outputs=…)` and `bind`, over made-up executables and on real engines."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import zif
from model.graphs import model
from runtime.made_up import Bindable, Plain, X, info, session, step
from zif.errors import InvalidInput, StageFailed, UsageError
from zif.runtime.session import Session

TWO = "g (float[1, 4] x) => (float[1, 4] y, float[1, 4] z) { a = Relu(x) y = Neg(a) z = Add(a, x) }"


def pair(first: type[Plain], second: type[Plain]) -> Session:
    steps = [step(0, first(lambda x: {"a": x + 1}), "x", "a"), step(1, second(lambda a: {"y": a * 2}), "a", "y")]
    return session(steps, [info("x", 4)], [info("y", 4)])


def test_results_are_written_into_the_callers_arrays() -> None:
    y = np.zeros(4, np.float32)
    made = pair(Plain, Plain).run({"x": X}, outputs={"y": y})
    assert made["y"] is y
    assert y.tolist() == ((X + 1) * 2).tolist()


def test_what_is_not_given_is_made() -> None:
    with zif.load(model(TWO)) as one:
        x, y = np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32)
        made = one.run({"x": x}, outputs={"y": y})
        assert list(made) == ["y", "z"]
        assert (y.tolist(), made["z"].tolist()) == ([[-1] * 4], [[2] * 4])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"q": X}, "no output 'q'"),
        ({"y": X.astype(np.float64)}, "output 'y' is float64 [4]: the output is float32 [4]"),
        ({"y": np.zeros(5, np.float32)}, "float32 [5]: the output is float32 [4]"),
        ({"y": np.zeros(8, np.float32)[::2]}, "not C-contiguous"),
        ({"y": [0.0] * 4}, "a list: it must be a numpy array"),
        ({"y": X}, "shares memory with that for input 'x'"),
        ([X], "must be a mapping"),
    ],
)
def test_arrays_that_do_not_fit_are_named(given: Any, words: str) -> None:
    one = pair(Bindable, Bindable)
    for call in (lambda: one.run({"x": X}, outputs=given), lambda: one.bind({"x": X}, given)):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert words in str(caught.value)


def test_an_array_that_may_not_be_written_is_named() -> None:
    y = np.zeros(4, np.float32)
    y.setflags(write=False)
    with pytest.raises(InvalidInput, match="read-only"):
        pair(Plain, Plain).bind({"x": X}, {"y": y})


def test_two_outputs_may_not_share_memory() -> None:
    both = np.zeros((1, 4), np.float32)
    with zif.load(model(TWO)) as one, pytest.raises(InvalidInput, match="shares memory with that for output 'z'"):
        one.bind({"x": np.ones((1, 4), np.float32)}, {"y": both, "z": both})


@pytest.mark.parametrize("first", [Plain, Bindable])
@pytest.mark.parametrize("second", [Plain, Bindable])
def test_a_bound_run_reads_what_the_arrays_hold_then(first: type[Plain], second: type[Plain]) -> None:
    x, y = X.copy(), np.zeros(4, np.float32)
    bound = pair(first, second).bind({"x": x}, {"y": y})
    for value in (0, 5, -3):
        x[:] = value
        assert bound()["y"] is y
        assert y.tolist() == [(value + 1) * 2] * 4


@pytest.mark.parametrize("backend", ["qnn_cpu", "reference"])
def test_a_bound_run_on_an_engine(backend: str) -> None:
    with zif.load(model(TWO), only=backend) as one:
        bound = one.bind({"x": np.ones((1, 4), np.float32)})
        assert {name: array.tolist() for name, array in bound().items()} == {"y": [[-1] * 4], "z": [[2] * 4]}
        places = {name: array.ctypes.data for name, array in bound.outputs.items()}
        bound.inputs["x"][:] = -2
        assert {name: array.ctypes.data for name, array in bound().items()} == places
        assert bound.outputs["z"].tolist() == [[-2] * 4]


def test_sizes_that_only_a_run_knows_are_found_by_one() -> None:
    with zif.load(model("g (float[n, 2] x) => (float[m, 2] y) { y = Concat<axis=0>(x, x) }")) as one:
        bound = one.bind({"x": np.ones((3, 2), np.float32)})
        assert bound()["y"].shape == (6, 2)


def test_a_bound_run_allocates_nothing_that_grows_with_the_arrays() -> None:
    with zif.load(model("g (float[1000, 1000] x) => (float[1000, 1000] y) { y = Relu(x) }"), only="qnn_cpu") as one:
        bound = one.bind({"x": np.ones((1000, 1000), np.float32)})
        bound()
        tracemalloc.start()
        try:
            bound()
            assert tracemalloc.get_traced_memory()[1] < 10_000
            one.run({"x": bound.inputs["x"]})
        finally:
            tracemalloc.stop()


def test_inputs_that_would_have_to_be_converted_are_not_bound() -> None:
    one = pair(Plain, Plain)
    with pytest.raises(InvalidInput, match="cannot be bound as it is"):
        one.bind({"x": np.zeros(8, np.float32)[::2]})
    with pytest.raises(InvalidInput, match="'x' is missing"):
        one.bind({})


def test_a_fault_says_who_and_the_next_run_works() -> None:
    broken = [True]

    def work(a: Any) -> Mapping[str, Any]:
        if broken:
            raise RuntimeError("for once")
        return {"y": a * 2}

    steps = [step(0, Bindable(lambda x: {"a": x + 1}), "x", "a"), step(1, Bindable(work), "a", "y")]
    bound = session(steps, [info("x", 4)], [info("y", 4)]).bind({"x": X.copy()})
    with pytest.raises(StageFailed, match="segment 1.*for once"):
        bound()
    broken.clear()
    assert bound()["y"].tolist() == ((X + 1) * 2).tolist()


def test_a_closed_session_runs_nothing_bound() -> None:
    one = pair(Bindable, Bindable)
    bound = one.bind({"x": X.copy()})
    bound()
    one.close()
    with pytest.raises(UsageError, match="closed"):
        bound()


def test_who_watches_sees_bound_runs() -> None:
    one, seen = pair(Bindable, Bindable), []
    bound = one.bind({"x": X.copy()})
    one.watch(lambda given, made: seen.append(given) or {"y": made["y"] * 0}, lambda: None)
    assert bound()["y"].tolist() == [0] * 4
    assert len(seen) == 1


def test_an_input_that_is_an_output_is_returned_as_a_copy() -> None:
    graph = model("g (float[4] x) => (float[4] y, float[4] x) { y = Relu(x) }")
    with zif.load(graph) as one:
        assert not np.shares_memory(one.run({"x": X})["x"], X)


def test_texts_in_bytes_are_utf8() -> None:
    with zif.load(model("g (string[2] x) => (string[2] y) { y = Identity(x) }")) as one:
        assert one.run({"x": np.array(["é".encode(), b"b"])})["y"].tolist() == ["é", "b"]
        with pytest.raises(InvalidInput, match="'x' holds bytes that are no UTF-8"):
            one.run({"x": np.array([b"\xff", b"b"])})
