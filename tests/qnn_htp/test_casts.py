"""Casts on the HTP do what they say: cut towards zero, tell zero from the rest, and read 8 bits as numbers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import zif
from onnx import NodeProto, TensorProto, helper
from qnn_htp.beside import CHIP, PINNED, made, right

X = np.array([[3.5, 2.5, -1.5, 0.75, -7.25, 9.875, -0.5, 0.0, 100.75, 2046.0]], np.float32)
INTEGERS = {
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint32": TensorProto.UINT32,
    "uint8": TensorProto.UINT8,
}
node = helper.make_node
#: What stands between the cast down and the cast back, which leaves values where they are or does not.
BETWEEN: dict[str, Sequence[NodeProto]] = {
    "nothing": (),
    "Identity": (node("Identity", ["i"], ["j"], "between"),),
    "Reshape": (node("Reshape", ["i", "shape"], ["j"], "between"),),
    "a Slice of all": (node("Slice", ["i", "from", "to"], ["j"], "between"),),
    "another cast": (node("Cast", ["i"], ["j"], "between", to=TensorProto.INT32),),
}
#: What the compiler itself does not take.
REFUSED = {("uint32", "a Slice of all"), ("uint8", "Identity")}
WEIGHTS = {"shape": np.array([2, 5]), "from": np.array([0]), "to": np.array([1])}


def alike(nodes: Sequence[NodeProto], x: np.ndarray, kind: int = TensorProto.FLOAT, **weights: np.ndarray) -> None:
    model = made(nodes, {"x": x}, ["y"], {**WEIGHTS, **weights}, kind=kind)
    with zif.load(model, target=CHIP, cache=False, **PINNED) as session:
        np.testing.assert_allclose(session.run({"x": x})["y"], right(model, {"x": x})["y"], rtol=1e-3)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize(
    ("integer", "between"), [pair for pair in itertools.product(INTEGERS, BETWEEN) if pair not in REFUSED]
)
def test_the_fraction_is_cut_off(integer: str, between: str) -> None:
    x = np.clip(np.abs(X), 0, 255) if integer.startswith("u") else X
    middle = BETWEEN[between]
    last = "j" if middle else "i"
    down = node("Cast", ["x"], ["i"], "down", to=INTEGERS[integer])
    alike([down, *middle, node("Cast", [last], ["y"], "up", to=TensorProto.FLOAT)], x)


@pytest.mark.usefixtures("htp")
def test_as_the_type_of_another_value() -> None:
    like = [node("CastLike", ["x", "whole"], ["i"], "down"), node("CastLike", ["i", "x"], ["y"], "up")]
    alike(like, X, whole=np.zeros((1, 1), np.int32))


@pytest.mark.usefixtures("htp")
def test_behind_arithmetic_and_before_it() -> None:
    """A division without remainder, as exporters write positions."""
    nodes = [
        node("Div", ["x", "three"], ["d"], "div"),
        node("Cast", ["d"], ["i"], "down", to=TensorProto.INT64),
        node("Cast", ["i"], ["f"], "up", to=TensorProto.FLOAT),
        node("Mul", ["f", "three"], ["m"], "mul"),
        node("Sub", ["x", "m"], ["y"], "remainder"),
    ]
    alike(nodes, np.arange(-20, 21, dtype=np.float32)[None], three=np.array([4], np.float32))


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("behind", ["nothing", "Reshape", "arithmetic"])
def test_bytes_are_numbers(behind: str) -> None:
    """As pictures are fed: 0 to 255, without a scale."""
    x = np.array([[0, 1, 7, 100, 255, 3, 4, 5, 6, 8]], np.uint8)
    nodes = {
        "nothing": [node("Cast", ["x"], ["y"], "up", to=TensorProto.FLOAT)],
        "Reshape": [
            node("Reshape", ["x", "shape"], ["r"], "move"),
            node("Cast", ["r"], ["y"], "up", to=TensorProto.FLOAT),
        ],
        "arithmetic": [
            node("Cast", ["x"], ["f"], "up", to=TensorProto.FLOAT),
            node("Mul", ["f", "scale"], ["y"], "scaled"),
        ],
    }[behind]
    alike(nodes, x, scale=np.array([1 / 255], np.float32))


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("integer", [np.int32, np.int64])
def test_what_is_not_zero_is_true_and_true_is_one(integer: type) -> None:
    down = node("Cast", ["x"], ["b"], "down", to=TensorProto.BOOL)
    alike(
        [down, node("Cast", ["b"], ["y"], "up", to=TensorProto.INT32)],
        np.array([300, 7, 0], integer),
        TensorProto.INT32,
    )


@pytest.mark.usefixtures("htp")
def test_integers_that_were_integers_keep_all_their_digits() -> None:
    """From 32 bits to float and back, fp16 is not between."""
    nodes = [
        node("Cast", ["x"], ["f"], "up", to=TensorProto.FLOAT),
        node("Cast", ["f"], ["y"], "down", to=TensorProto.INT32),
    ]
    alike(nodes, np.array([300, 2049, 70001], np.int32), TensorProto.INT32)


@pytest.mark.usefixtures("htp")
def test_what_wraps_around_is_refused() -> None:
    down = node("Cast", ["x"], ["y"], "down", to=TensorProto.UINT8)
    model = made([down], {"x": np.array([300, 7], np.int32)}, ["y"], kind=TensorProto.UINT8)
    said = zif.plan(model, target=CHIP).unit("down").verdicts["qnn_htp"]
    assert (said.supported, said.code) == (False, "observed-wrong")
    assert "wraps around" in said.reason
