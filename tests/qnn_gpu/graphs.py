"""Small models for the GPU's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Sequence[Any]]],
    outputs: Mapping[str, tuple[int, Sequence[Any]]],
    weights: Mapping[str, np.ndarray[Any, Any]] | None = None,
) -> onnx.ModelProto:
    """Opset 17."""
    ends = [
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in e.items()] for e in (inputs, outputs)
    ]
    held = [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "g", *ends, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def convolutions(seed: int = 0) -> onnx.ModelProto:
    """Two convolutions, a softmax over a matrix product; weights of the size that trained ones have."""
    rng = np.random.default_rng(seed)
    weights = {
        "w1": rng.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "w2": rng.normal(0, 0.2, (8, 8, 3, 3)).astype(np.float32),
        "m": rng.normal(0, 0.1, (8 * 64, 10)).astype(np.float32),
        "shape": np.array([1, -1]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["a"], ["b"], "sigmoid"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"], "relu"),
        helper.make_node("Reshape", ["d", "shape"], ["e"], "reshape"),
        helper.make_node("MatMul", ["e", "m"], ["f"], "matmul"),
        helper.make_node("Softmax", ["f"], ["y"], "softmax", axis=1),
    ]
    return model(nodes, {"x": (FLOAT, [1, 3, 8, 8])}, {"y": (FLOAT, [1, 10])}, weights)
