"""A small network, inputs for it, and an exact way to run what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SAMPLES = [{"x": np.random.default_rng(seed).standard_normal((1, 3, 16, 16)).astype(np.float32)} for seed in range(4)]


def cnn() -> onnx.ModelProto:
    """Conv → Relu → Conv → Add with the first → Sigmoid → mean → Gemm."""
    rng = np.random.default_rng(0)
    weights = {"w1": (8, 3, 3, 3), "w2": (8, 8, 3, 3), "w3": (8, 5)}
    biases = {"b1": 8, "b2": 8, "b3": 5}
    inits = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) / 4, n) for n, shape in weights.items()
    ]
    inits += [numpy_helper.from_array(rng.standard_normal(size).astype(np.float32), n) for n, size in biases.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c2", "r1"], ["a"], "add"),
        helper.make_node("Sigmoid", ["a"], ["s"], "sigmoid"),
        helper.make_node("GlobalAveragePool", ["s"], ["g"], "pool"),
        helper.make_node("Flatten", ["g"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], "gemm"),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "cnn", [value("x", TensorProto.FLOAT, [1, 3, 16, 16])], [value("y", TensorProto.FLOAT, [1, 5])], inits
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def run(model: onnx.ModelProto, feed: Mapping[str, Any]) -> np.ndarray:
    """On ONNX Runtime without optimizations: exact integer sums."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, dict(feed))[0])


def sqnr(exact: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.sum(exact**2) / np.sum((exact - other) ** 2)))
