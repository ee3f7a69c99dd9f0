"""Tiny networks with answers from numpy, and a hypothesis strategy for random ones with the reference as the judge."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from attrs import frozen
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 17, 9


@frozen(eq=False)
class Network:
    """A model, inputs, and the outputs that numpy gives."""

    name: str
    model: onnx.ModelProto
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


def _model(
    nodes: list[Any], inputs: Mapping[str, Any], outputs: list[str], weights: Mapping[str, Any]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(v.shape)) for n, v in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return onnx.shape_inference.infer_shapes(made)


def _random(*shape: int, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def perceptron() -> Network:
    """MatMul, Add, Relu, MatMul: the smallest thing that deserves the name."""
    x, w, b, v = _random(2, 8, seed=0), _random(8, 16, seed=1), _random(16, seed=2), _random(16, 4, seed=3)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"], name="m"),
        helper.make_node("Add", ["m", "b"], ["a"], name="a"),
        helper.make_node("Relu", ["a"], ["r"], name="r"),
        helper.make_node("MatMul", ["r", "v"], ["y"], name="y"),
    ]
    answer = np.maximum(x @ w + b, 0) @ v
    return Network("perceptron", _model(nodes, {"x": x}, ["y"], {"w": w, "b": b, "v": v}), {"x": x}, {"y": answer})


def fork() -> Network:
    """One value read twice, two outputs: what a scheduler gets wrong first."""
    x = _random(1, 4, 4, seed=4)
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], name="r"),
        helper.make_node("Add", ["r", "x"], ["y"], name="y"),
        helper.make_node("Mul", ["r", "y"], ["z"], name="z"),
    ]
    r = np.maximum(x, 0)
    return Network("fork", _model(nodes, {"x": x}, ["y", "z"], {}), {"x": x}, {"y": r + x, "z": r * (r + x)})


def pointwise() -> Network:
    """A 1 × 1 convolution and a Relu, as every image network has them."""
    x, w, b = _random(1, 3, 6, 6, seed=5), _random(8, 3, 1, 1, seed=6), _random(8, seed=7)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="c", kernel_shape=[1, 1]),
        helper.make_node("Relu", ["c"], ["y"], name="y"),
    ]
    answer = np.maximum(np.einsum("nchw,oc->nohw", x, w[:, :, 0, 0]) + b[:, None, None], 0).astype(np.float32)
    return Network("pointwise", _model(nodes, {"x": x}, ["y"], {"w": w, "b": b}), {"x": x}, {"y": answer})


NETWORKS = (perceptron, fork, pointwise)

UNARY = ("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Identity")
BINARY = ("Add", "Sub", "Mul", "Max", "Min")


@st.composite
def random_networks(draw: st.DrawFn) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """A random DAG of one- and two-input operators over one shape, and its input."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    values, nodes = ["x"], []
    for number in range(draw(st.integers(1, 8))):
        name = f"t{number}"
        op = draw(st.sampled_from(UNARY + BINARY))
        count = 1 if op in UNARY else 2
        reads = [draw(st.sampled_from(values)) for _ in range(count)]
        nodes.append(helper.make_node(op, reads, [name], name=name))
        values.append(name)
    x = _random(*shape, seed=draw(st.integers(0, 1000)))
    read = {name for node in nodes for name in node.input}
    outputs = [name for name in values[1:] if name not in read] or [values[-1]]
    return _model(nodes, {"x": x}, outputs, {}), {"x": x}


def answers(model: onnx.ModelProto, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the reference, onnx's own evaluator, answers."""
    from onnx.reference import ReferenceEvaluator

    names = [value.name for value in model.graph.output]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # infinities are no accident
        return dict(zip(names, ReferenceEvaluator(model).run(names, dict(inputs)), strict=True))
