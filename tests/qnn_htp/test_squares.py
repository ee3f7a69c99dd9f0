"""Roots of sums of squares on the HTP, of values whose squares fp16 does not hold: as one operator, and spelled out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import zif
from onnx import NodeProto, TensorProto, helper
from qnn_htp.beside import PINNED, made, worst
from zif_qnn_htp.graph import build
from zif_quantize import quantize_model

node = helper.make_node
AXIS = {"a": np.array([-1])}
WEIGHTS = {
    **AXIS,
    "e": np.array(1e-6, np.float32),
    "two": np.array(2, np.float32),
    "half": np.array(-0.5, np.float32),
    "tiny": np.array(1e-12, np.float32),
    "shape": np.array([1, 8, 256]),
}
MEAN = [
    node("Mul", ["x", "x"], ["s"], "square"),
    node("ReduceMean", ["s", "a"], ["m"], "mean"),
    node("Add", ["m", "e"], ["p"], "add"),
]
NORMS: dict[str, Sequence[NodeProto]] = {
    "F.normalize": (
        node("ReduceL2", ["x", "a"], ["n"], "norm"),
        node("Clip", ["n", "tiny"], ["c"], "clip"),
        node("Expand", ["c", "shape"], ["w"], "expand"),
        node("Div", ["x", "w"], ["y"], "div"),
    ),
    "ReduceL2 and Div": (node("ReduceL2", ["x", "a"], ["n"], "norm"), node("Div", ["x", "n"], ["y"], "div")),
    "RMSNorm": (*MEAN, node("Sqrt", ["p"], ["r"], "root"), node("Div", ["x", "r"], ["y"], "div")),
    "RMSNorm by the inverse": (*MEAN, node("Pow", ["p", "half"], ["r"], "root"), node("Mul", ["r", "x"], ["y"], "mul")),
    "l2_normalize": (
        node("Mul", ["x", "x"], ["s"], "square"),
        node("ReduceSum", ["s", "a"], ["m"], "sum"),
        node("Max", ["tiny", "m"], ["p"], "bound"),
        node("Sqrt", ["p"], ["r"], "root"),
        node("Div", ["x", "r"], ["y"], "div"),
    ),
    "clamped before the root": (
        node("Pow", ["x", "two"], ["s"], "square"),
        node("ReduceSum", ["s", "a"], ["m"], "sum"),
        node("Clip", ["m", "tiny"], ["p"], "bound"),
        node("Sqrt", ["p"], ["r"], "root"),
        node("Div", ["x", "r"], ["y"], "div"),
    ),
    "LayerNorm": (
        node("ReduceMean", ["x", "a"], ["u"], "middle"),
        node("Sub", ["x", "u"], ["c"], "centre"),
        node("Pow", ["c", "two"], ["s"], "square"),
        node("ReduceMean", ["s", "a"], ["m"], "mean"),
        node("Add", ["e", "m"], ["p"], "add"),
        node("Sqrt", ["p"], ["r"], "root"),
        node("Div", ["c", "r"], ["y"], "div"),
    ),
}
LENGTHS: dict[str, Sequence[NodeProto]] = {
    "as one operator": (node("ReduceL2", ["x", "a"], ["y"], "norm"),),
    "as one operator, without the dimension": (node("ReduceL2", ["x", "a"], ["y"], "norm", keepdims=0),),
    "spelled out": (
        node("Mul", ["x", "x"], ["s"], "square"),
        node("ReduceSum", ["s", "a"], ["m"], "sum", keepdims=0),
        node("Sqrt", ["m"], ["y"], "root"),
    ),
    "with who else reads it": (
        node("ReduceL2", ["x", "a"], ["n"], "norm"),
        node("Div", ["x", "n"], ["q"], "div"),
        node("Mul", ["q", "n"], ["y"], "back"),
    ),
}


def rows(size: float, *shape: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(shape or (1, 8, 256)) * size).astype(np.float32)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("size", [1e-4, 1.0, 300.0, 10000.0])
@pytest.mark.parametrize("norm", NORMS)
def test_what_is_normalized_is_right_for_every_size(norm: str, size: float) -> None:
    feed = {"x": rows(size)}
    assert worst(made(NORMS[norm], feed, ["y"], WEIGHTS), feed, **PINNED) > 50


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("size", [1e-4, 100.0, 1000.0])
@pytest.mark.parametrize("length", LENGTHS)
def test_lengths_are_right_as_far_as_they_are_numbers_of_fp16(length: str, size: float) -> None:
    feed = {"x": rows(size)}
    assert worst(made(LENGTHS[length], feed, ["y"], WEIGHTS), feed, **PINNED) > 50


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_over_several_dimensions_in_every_version(opset: int) -> None:
    feed = {"x": rows(200.0, 2, 4, 6, 8)}
    axes = {"axes": [1, 3]} if opset < 18 else {}
    one = node("ReduceL2", ["x", *([] if axes else ["b"])], ["y"], "norm", **axes)
    assert worst(made([one], feed, ["y"], {"b": np.array([1, 3])}, opset=opset), feed, **PINNED) > 50


@pytest.mark.usefixtures("htp")
def test_rows_of_zeros_stay_zeros() -> None:
    feed = {"x": rows(300.0)}
    feed["x"][0, 3] = 0
    assert worst(made(NORMS["F.normalize"], feed, ["y"], WEIGHTS), feed, **PINNED) > 50


@pytest.mark.usefixtures("htp")
def test_an_embedding_between_products() -> None:
    """Unpinned, of ordinary values: what an encoder of sentences ends in."""
    weight = (np.random.default_rng(1).standard_normal((256, 256)) / 16).astype(np.float32)
    nodes = [node("MatMul", ["h", "w0"], ["x"], "embed"), *NORMS["ReduceL2 and Div"]]
    feed = {"h": rows(30.0)}
    assert worst(made(nodes, feed, ["y"], {**AXIS, "w0": weight}), feed) > 50


def test_squares_that_others_read_are_left() -> None:
    """A variance that is wanted itself is what it is; so is a sum whose root nobody takes."""
    nodes = [*MEAN, node("Sqrt", ["p"], ["r"], "root"), node("Add", ["m", "r"], ["y"], "both")]
    plain = zif.Model.load(made(nodes, {"x": rows(1.0)}, ["y"], WEIGHTS))
    assert b"_scaled" not in build(plain).data
    rooted = zif.Model.load(made(NORMS["RMSNorm"], {"x": rows(1.0)}, ["y"], WEIGHTS))
    assert b"_scaled" in build(rooted).data


@pytest.mark.usefixtures("htp")
def test_half_floats() -> None:
    feed = {"x": rows(300.0).astype(np.float16)}
    model = made(NORMS["ReduceL2 and Div"], feed, ["y"], AXIS, kind=TensorProto.FLOAT16)
    feed32 = {"x": feed["x"].astype(np.float32)}
    want = feed32["x"] / np.sqrt((feed32["x"].astype(np.float64) ** 2).sum(-1, keepdims=True))
    with zif.load(model, target="snapdragon-8-gen-3", cache=False, **PINNED) as session:
        np.testing.assert_allclose(session.run(feed)["y"], want, atol=2e-3)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("size", [0.02, 1.0, 300.0])
def test_in_floats_between_integers(size: float) -> None:
    """The squares of what comes out of integers, whose normalization is no operator: -2 to 15 dB in 8 bits before."""
    parts = (*NORMS["LayerNorm"][:2], node("Mul", ["c", "c"], ["s"], "square"), *NORMS["LayerNorm"][3:])
    nodes = [node("Mul", ["h", "g"], ["x"], "gain"), *parts]
    samples = [{"h": rows(1.0, 1, 8, 256) * sign} for sign in (np.float32(1), np.float32(-0.9))]
    given = made(nodes, samples[0], ["y"], {**WEIGHTS, "g": np.array(size, np.float32)})
    integers = quantize_model(given, samples, "w8a8", rules="qnn_htp")
    assert worst(integers, samples[0], **PINNED) > 30
