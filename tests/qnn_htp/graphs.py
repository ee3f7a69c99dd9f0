"""Graphs that the tests of the HTP backend share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from zif.model import Model

Dims = Sequence[int | str]


def graph(
    nodes: Sequence[NodeProto],
    inputs: dict[str, tuple[int, Dims]],
    outputs: dict[str, tuple[int, Dims]],
    weights: dict[str, np.ndarray] | None = None,
    opset: int = 17,
) -> ModelProto:
    """A model from its parts."""
    infos = [[helper.make_tensor_value_info(n, t, s) for n, (t, s) in values.items()] for values in (inputs, outputs)]
    tensors = [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    made = helper.make_graph(nodes, "graph", *infos, tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def cnn(batch: int | str = 1) -> Model:
    """Conv, Relu, Erf, pooling over float32[batch,3,16,16]."""
    weight = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Erf", ["b"], ["c"], "erf"),
        helper.make_node("GlobalAveragePool", ["c"], ["y"], "pool"),
    ]
    inputs = {"x": (TensorProto.FLOAT, [batch, 3, 16, 16])}
    return Model.load(graph(nodes, inputs, {"y": (TensorProto.FLOAT, [batch, 8, 1, 1])}, {"w": weight}))


def gelu() -> Model:
    """x / 2 · (1 + erf(x / √2)): QNN has no Erf, but takes these five as one."""
    weights = {
        "root": np.array(2**0.5, np.float32),
        "one": np.array(1, np.float32),
        "half": np.array(0.5, np.float32),
    }
    nodes = [
        helper.make_node("Div", ["x", "root"], ["a"], "div"),
        helper.make_node("Erf", ["a"], ["b"], "erf"),
        helper.make_node("Add", ["b", "one"], ["c"], "add"),
        helper.make_node("Mul", ["x", "c"], ["d"], "mul"),
        helper.make_node("Mul", ["d", "half"], ["y"], "scale"),
    ]
    shape = (TensorProto.FLOAT, [1, 64])
    return Model.load(graph(nodes, {"x": shape}, {"y": shape}, weights))


def quantized() -> Model:
    """A Conv of uint8 activations and weights between Q and DQ: one group, with a Q before and a DQ behind."""
    rng = np.random.default_rng(0)
    scales = {"sx": 0.02, "sw": 0.01, "sy": 0.05}
    weights = {name: np.array(value, np.float32) for name, value in scales.items()}
    weights |= {"z": np.array(128, np.uint8), "w": rng.integers(0, 255, (8, 3, 3, 3)).astype(np.uint8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "z"], ["xq"], "quantize"),
        helper.make_node("DequantizeLinear", ["xq", "sx", "z"], ["xd"], "dq_x"),
        helper.make_node("DequantizeLinear", ["w", "sw", "z"], ["wd"], "dq_w"),
        helper.make_node("Conv", ["xd", "wd"], ["a"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["a", "sy", "z"], ["aq"], "q_a"),
        helper.make_node("DequantizeLinear", ["aq", "sy", "z"], ["y"], "dequantize"),
    ]
    inputs = {"x": (TensorProto.FLOAT, [1, 3, 16, 16])}
    return Model.load(graph(nodes, inputs, {"y": (TensorProto.FLOAT, [1, 8, 16, 16])}, weights, opset=19))
