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
    """In dB; infinite without any noise."""
    noise = np.sum((exact - other) ** 2)
    return float(10 * np.log10(np.sum(exact**2) / noise)) if noise else float("inf")


def net(nodes: list[Any], inputs: Mapping[str, list[int]], outputs: list[str], **weights: Any) -> onnx.ModelProto:
    """A float network of these nodes, which get their outputs' names; outputs have the shapes that are inferred."""
    for node in nodes:
        node.name = node.name or node.output[0]
    value = helper.make_tensor_value_info
    made = [
        numpy_helper.from_array(np.asarray(w, np.float32) if np.asarray(w).dtype.kind == "f" else np.asarray(w), n)
        for n, w in weights.items()
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [value(name, TensorProto.FLOAT, dims) for name, dims in inputs.items()],
        [value(name, TensorProto.FLOAT, inputs.get(name)) for name in outputs],
        made,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal values."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def feeds(model: onnx.ModelProto, count: int = 8) -> list[dict[str, np.ndarray]]:
    """Standard normal inputs."""
    shapes = {one.name: [d.dim_value for d in one.type.tensor_type.shape.dim] for one in model.graph.input}
    return [{n: normal(*dims, seed=100 * k + at) for at, (n, dims) in enumerate(shapes.items())} for k in range(count)]


def ratios(model: onnx.ModelProto, precision: Any, given: Any = None, rules: Any = None) -> dict[str, float]:
    """SQNR per output of the model that is made of another against that, on inputs that calibration saw."""
    from zif_quantize import quantize_model
    from zif_quantize.measure import Reference

    samples = given or feeds(model)
    made = quantize_model(model, samples, precision, rules=rules)
    onnx.checker.check_model(made, full_check=True)
    exact, other = Reference(model), Reference(made)
    rows = [(exact.run(sample), other.run(sample)) for sample in samples]
    assert rows[0][0].keys() == rows[0][1].keys()
    return {name: ratio([a[name] for a, _ in rows], [b[name] for _, b in rows]) for name in rows[0][0]}


def ratio(exact: Any, other: Any) -> float:
    """SQNR in dB; infinite where nothing differs."""
    a, b = np.asarray(exact, np.float64), np.asarray(other, np.float64)
    noise = np.sum((a - b) ** 2)
    return float(10 * np.log10(np.sum(a**2) / noise)) if noise else np.inf
