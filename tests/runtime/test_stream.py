"""Streams: state from run to run, several at once, forks, resets, faults, and what is wrong in the call."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from runtime.made_up import Array, Bindable, Plain, X, info, session, step
from zif.errors import InvalidInput, StageFailed, UsageError
from zif.runtime.session import Session

STEPS, SIZE = 6, 8


def counting(kind: type[Plain] = Plain, parts: int = 1) -> Session:
    """y = x + h and hn = h + 1; in two segments where asked."""
    if parts == 1:
        steps = [step(0, kind(lambda x, h: {"y": x + h, "hn": h + 1}), "x h", "y hn")]
    else:
        steps = [
            step(0, kind(lambda x, h: {"a": x + h}), "x h", "a"),
            step(1, kind(lambda a, h: {"y": a * 1, "hn": h + 1}), "a h", "y hn"),
        ]
    return session(steps, [info("x", 4), info("h", 4)], [info("y", 4), info("hn", 4)])


def gru(batch: int | str = 1) -> onnx.ModelProto:
    """One step of a GRU with its state as input h and output hn, and what follows from it."""
    rng = np.random.default_rng(3)
    weights = {
        "w": rng.normal(size=(1, 3 * SIZE, SIZE)) * 0.4,
        "r": rng.normal(size=(1, 3 * SIZE, SIZE)) * 0.4,
        "b": rng.normal(size=(1, 6 * SIZE)) * 0.1,
    }
    nodes = [
        helper.make_node("GRU", ["x", "w", "r", "b", "", "h"], ["", "hn"], "gru", hidden_size=SIZE),
        helper.make_node("Tanh", ["hn"], ["y"], "tanh"),
    ]
    value = helper.make_tensor_value_info
    inputs = [value(name, TensorProto.FLOAT, [1, batch, SIZE]) for name in ("x", "h")]
    outputs = [value(name, TensorProto.FLOAT, [1, batch, SIZE]) for name in ("y", "hn")]
    kept = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "gru", inputs, outputs, kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def frames(seed: int, batch: int = 1) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(1, batch, SIZE)).astype(np.float32) for _ in range(STEPS)]


def by_hand(run: Session, xs: list[Array], state: Array | None = None) -> list[Array]:
    """The same with the state handed over by the caller."""
    h = np.zeros(xs[0].shape, np.float32) if state is None else state
    made = []
    for x in xs:
        outputs = run.run({"x": x, "h": h})
        made.append(outputs["y"])
        h = outputs["hn"]
    return made


@pytest.mark.parametrize("kind", [Plain, Bindable])
@pytest.mark.parametrize("parts", [1, 2])
def test_what_one_run_made_the_next_one_reads(kind: type[Plain], parts: int) -> None:
    with counting(kind, parts) as run:
        stream = run.stream(state={"h": "hn"})
        for number in range(5):
            made = stream.run({"x": X})
            np.testing.assert_array_equal(made["y"], X + number)
            np.testing.assert_array_equal(made["hn"], np.full(4, number + 1))
        np.testing.assert_array_equal(stream.state["h"], np.full(4, 5))


def test_what_the_caller_does_with_an_output_changes_no_state() -> None:
    with counting() as run:
        stream = run.stream(state={"h": "hn"})
        stream.run({"x": X})["hn"][...] = 100
        stream.state["h"][...] = 100
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 1)


def test_the_state_is_handed_on_where_it_lies() -> None:
    seen: list[tuple[int, int]] = []

    def function(x: Array, h: Array) -> dict[str, Array]:
        made = h + 1
        seen.append((h.ctypes.data, made.ctypes.data))
        return {"y": x + h, "hn": made}

    one = session(
        [step(0, Plain(function), "x h", "y hn")], [info("x", 4), info("h", 4)], [info("y", 4), info("hn", 4)]
    )
    stream = one.stream(state={"h": "hn"}, outputs=["y"])
    for _ in range(4):
        assert set(stream.run({"x": X})) == {"y"}
    assert [given for given, _ in seen[1:]] == [made for _, made in seen[:-1]]


def test_on_the_cpu_it_stays_in_the_engines_memory() -> None:
    """What ONNX Runtime made is not copied into an array of Python's, and the next run reads it there."""
    with zif.load(gru(), only="qnn_cpu") as run:
        stream = run.stream(state={"h": "hn"}, outputs=["y"])
        read: list[Any] = []
        true = run.run
        run.run = lambda given, **more: read.append(given["h"]) or true(given, **more)  # type: ignore[method-assign]
        for x in frames(1)[:3]:
            stream.run({"x": x})
            made = stream._state["h"]  # type: ignore[index]
            assert not made.flags.owndata
            read.append(made)
        assert read[1] is read[2]
        assert read[3] is read[4]


def test_reset_and_initial_states() -> None:
    with counting() as run:
        stream = run.stream(state={"h": "hn"}, initial={"h": np.full(4, 7, np.float32)})
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 7)
        stream.reset()
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 7)
        stream.reset({"h": np.full(4, 2, np.float32)})
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 2)


def test_an_initial_array_stays_the_callers() -> None:
    mine = np.zeros(4, np.float32)
    with counting() as run:
        stream = run.stream(state={"h": "hn"}, initial={"h": mine})
        mine[...] = 50
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X)


def test_a_fork_goes_its_own_way() -> None:
    with counting() as run:
        stream = run.stream(state={"h": "hn"})
        stream.run({"x": X})
        other = stream.fork()
        for number in (1, 2, 3):
            np.testing.assert_array_equal(other.run({"x": X})["y"], X + number)
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 1)
        other.reset()
        np.testing.assert_array_equal(other.run({"x": X})["y"], X)
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 2)


def test_a_run_that_fails_leaves_the_state() -> None:
    fail = [False]

    def function(x: Array, h: Array) -> dict[str, Array]:
        if fail[0]:
            raise RuntimeError("the device is on fire")
        return {"y": x + h, "hn": h + 1}

    steps = [step(0, Plain(function), "x h", "y hn")]
    with session(steps, [info("x", 4), info("h", 4)], [info("y", 4), info("hn", 4)]) as run:
        stream = run.stream(state={"h": "hn"})
        stream.run({"x": X})
        fail[0] = True
        with pytest.raises(StageFailed):
            stream.run({"x": X})
        fail[0] = False
        with pytest.raises(InvalidInput, match="'x' is missing"):
            stream.run({})
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 1)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"hh": "hn"}, "no input 'hh'. Did you mean 'h'"),
        ({"h": "hnn"}, "no output 'hnn'. Did you mean 'hn'"),
        ({}, "such as {'h': 'hn'}"),
        (["h"], "such as {'h': 'hn'}"),
        ({"h": "wide"}, "float32 [4], and the output 'wide' that it would come from float32 [8]"),
        ({"h": "whole"}, "that it would come from int64 [4]"),
    ],
)
def test_pairs_that_cannot_be_are_refused(state: Any, words: str) -> None:
    outputs = [info("hn", 4), info("wide", 8), info("whole", 4, type="tensor(int64)")]
    one = session([step(0, Plain(lambda **_: {}), "x h", "hn wide whole")], [info("x", 4), info("h", 4)], outputs)
    with pytest.raises(UsageError) as caught:
        one.stream(state=state)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("initial", "words"),
    [
        ({"hh": X}, "no state 'hh'. Did you mean 'h'"),
        ({"h": X.astype(np.float64)}, "input 'h' has dtype float64"),
        ({"h": np.zeros(5, np.float32)}, "input 'h' has shape [5]"),
        ([X], "a mapping of name to array"),
    ],
)
def test_states_that_do_not_fit_are_named(initial: Any, words: str) -> None:
    with counting() as run:
        with pytest.raises(InvalidInput) as caught:
            run.stream(state={"h": "hn"}, initial=initial)
        assert words in str(caught.value)
        stream = run.stream(state={"h": "hn"})
        with pytest.raises(InvalidInput):
            stream.reset(initial)


def test_a_state_among_the_inputs_and_a_name_that_is_no_output_are_refused() -> None:
    with counting() as run:
        with pytest.raises(UsageError, match="no output 'z'"):
            run.stream(state={"h": "hn"}, outputs=["z"])
        stream = run.stream(state={"h": "hn"})
        with pytest.raises(InvalidInput, match=r"'h' is a state of this stream.*stream\.reset"):
            stream.run({"x": X, "h": X})


def test_open_shapes_take_their_size_from_the_inputs_or_ask_for_the_state() -> None:
    def one(*dims: Any) -> Session:
        made = [step(0, Plain(lambda x, h: {"y": x + h, "hn": h + 1}), "x h", "y hn")]
        return session(made, [info("x", "n"), info("h", *dims)], [info("y", "n"), info("hn", *dims)])

    stream = one("n").stream(state={"h": "hn"})
    assert stream.state == {}
    np.testing.assert_array_equal(stream.run({"x": X})["y"], X)
    np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 1)
    with pytest.raises(InvalidInput, match=r"state 'h' .* open: float32 \[m\]\. Give it"):
        one("m").stream(state={"h": "hn"}).run({"x": X})
    given = one("m").stream(state={"h": "hn"}, initial={"h": X})
    np.testing.assert_array_equal(given.run({"x": X})["y"], X + X)


def test_an_open_batch_without_a_name_is_that_of_the_inputs_unless_the_state_grows() -> None:
    def one(grows: bool) -> Session:
        def function(x: Array, h: Array) -> dict[str, Array]:
            return {"y": x + h.sum(0), "hn": np.concatenate([h, h]) if grows else h + 1}

        value = (info("x", None, 4), info("h", 2, None, 4) if not grows else info("h", None, 1, 4))
        made = [step(0, Plain(function), "x h", "y hn")]
        return session(made, list(value), [info("y", None, 4), info("hn", None, None, 4)])

    stream = one(False).stream(state={"h": "hn"})
    x = np.stack([X, X, X])
    np.testing.assert_array_equal(stream.run({"x": x})["y"], x)
    assert stream.state["h"].shape == (2, 3, 4)
    np.testing.assert_array_equal(stream.run({"x": x})["y"], x + 2)
    with pytest.raises(InvalidInput, match=r"state 'h' .* open"):
        one(True).stream(state={"h": "hn"}).run({"x": X[None]})


def test_closing() -> None:
    run = counting()
    stream = run.stream(state={"h": "hn"})
    stream.close()
    stream.close()
    for call in (lambda: stream.run({"x": X}), stream.reset, stream.fork, lambda: stream.state):
        with pytest.raises(UsageError, match="stream is closed"):
            call()
    left = run.stream(state={"h": "hn"})
    run.close()
    with pytest.raises(UsageError, match="session is closed"):
        left.run({"x": X})


def test_many_streams_in_threads_and_many_threads_on_one_stream() -> None:
    with zif.load(gru(), only="qnn_cpu") as run:
        wanted = {seed: by_hand(run, frames(seed)) for seed in range(8)}
        made: dict[int, list[Array]] = {}

        def work(seed: int) -> None:
            with run.stream(state={"h": "hn"}) as stream:
                made[seed] = [stream.run({"x": x})["y"] for x in frames(seed)]

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for seed in range(8):
            np.testing.assert_array_equal(made[seed], wanted[seed])
    with counting() as run:
        shared = run.stream(state={"h": "hn"})
        threads = [threading.Thread(target=lambda: [shared.run({"x": X}) for _ in range(50)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_array_equal(shared.state["h"], np.full(4, 200))


def test_a_gru_on_the_emulator_is_as_with_the_state_handed_over_and_near_the_cpus() -> None:
    with (
        zif.load(gru(), "snapdragon-8-gen-3", pin={"*": "qnn_htp"}) as emulated,
        zif.load(gru(), only="reference") as reference,
    ):
        assert emulated.plan.backends == ("qnn_htp",)
        stream, right = emulated.stream(state={"h": "hn"}), reference.stream(state={"h": "hn"})
        made = [stream.run({"x": x})["y"] for x in frames(1)]
        np.testing.assert_array_equal(made, by_hand(emulated, frames(1)))
        np.testing.assert_allclose(made, [right.run({"x": x})["y"] for x in frames(1)], atol=5e-3)
        fork = stream.fork()
        np.testing.assert_array_equal(fork.run({"x": frames(2)[0]})["y"], stream.run({"x": frames(2)[0]})["y"])


def test_a_stream_goes_over_the_switch_of_its_session_with_its_state() -> None:

    with counting() as run:
        stream = run.stream(state={"h": "hn"})
        stream.run({"x": X})
        run.adopt(counting(Bindable, parts=2))
        np.testing.assert_array_equal(stream.run({"x": X})["y"], X + 1)
