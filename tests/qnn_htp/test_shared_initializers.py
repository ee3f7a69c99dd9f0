"""One initializer, two readers that want it in different forms: each gets what it reads, in float and in integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from onnx import NodeProto, helper
from qnn_htp.beside import PINNED, made, worst

node = helper.make_node


def noise(*shape: int) -> np.ndarray:
    return (np.random.default_rng(len(shape)).standard_normal(shape) * 0.3).astype(np.float32)


ROWS = np.float32(noise(5, 16))
#: By the shape of what is shared, which is called w: the two readers, of x.
PAIRS: dict[str, tuple[tuple[int, ...], np.ndarray, tuple[NodeProto, NodeProto]]] = {
    "a convolution and its transpose": (
        (8, 8, 3, 3),
        noise(1, 8, 10, 10),
        (node("Conv", ["x", "w"], ["y0"], "a"), node("ConvTranspose", ["x", "w"], ["y1"], "b")),
    ),
    "the same in one dimension": (
        (8, 8, 3),
        noise(1, 8, 20),
        (node("Conv", ["x", "w"], ["y0"], "a"), node("ConvTranspose", ["x", "w"], ["y1"], "b")),
    ),
    "a convolution and a sum": (
        (8, 8, 3, 3),
        noise(8, 8, 3, 3),
        (node("Conv", ["x", "w"], ["y0"], "a"), node("Add", ["x", "w"], ["y1"], "b")),
    ),
    "matrices, one transposed": (
        (16, 16),
        ROWS,
        (node("Gemm", ["x", "w"], ["y0"], "a"), node("Gemm", ["x", "w"], ["y1"], "b", transB=1)),
    ),
    "two operators": (
        (16, 16),
        ROWS,
        (node("MatMul", ["x", "w"], ["y0"], "a"), node("Gemm", ["x", "w"], ["y1"], "b", transB=1)),
    ),
    "on the left and on the right": (
        (16, 16),
        noise(16, 16),
        (node("MatMul", ["x", "w"], ["y0"], "a"), node("MatMul", ["w", "x"], ["y1"], "b")),
    ),
}


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("pair", PAIRS)
def test_each_reader_gets_its_own(pair: str) -> None:
    shape, x, readers = PAIRS[pair]
    assert worst(made(readers, {"x": x}, ["y0", "y1"], {"w": noise(*shape)}), {"x": x}, **PINNED) > 50


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("pair", ["a convolution and its transpose", "matrices, one transposed", "two operators"])
def test_through_a_conversion(pair: str) -> None:
    """A weight in integers that one DequantizeLinear brings to both."""
    shape, x, readers = PAIRS[pair]
    feed = {"x": x}
    weights = {"w8": np.random.default_rng(2).integers(-100, 100, shape).astype(np.int8), "z": np.int8(0)}
    weights |= {"s": np.float32(0.01), "xs": np.float32(0.02), "ys": np.float32(0.05), "zero": np.uint8(128)}
    nodes = [*stored("x", "xs"), node("DequantizeLinear", ["w8", "s", "z"], ["w"], "weight")]
    for reader in readers:
        copy = helper.make_node(reader.op_type, ["x_back", "w"], list(reader.output), reader.name)
        copy.attribute.extend(reader.attribute)
        nodes += [copy, *stored(reader.output[0], "ys")]
    model = made(nodes, feed, ["y0_back", "y1_back"], weights)
    assert worst(model, feed, **PINNED) > 30


def stored(name: str, scale: str) -> Sequence[NodeProto]:
    """Into integers and back."""
    ends = [f"{name}_stored"], [f"{name}_back"]
    return (
        node("QuantizeLinear", [name, scale, "zero"], ends[0], f"{name}_q"),
        node("DequantizeLinear", [*ends[0], scale, "zero"], ends[1], f"{name}_dq"),
    )
