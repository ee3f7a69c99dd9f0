from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper
from qnn_htp.graphs import graph
from zif.model import Model
from zif_qnn_htp import graph as graphs
from zif_qnn_runtime import folding

FLOAT = TensorProto.FLOAT
BIG = np.array([64, 64], np.int64)  # more elements than the model itself folds


def filled(name: str) -> object:
    return helper.make_node(
        "ConstantOfShape", ["dims"], [name], f"make_{name}", value=helper.make_tensor("v", 1, [1], [2])
    )


def test_chain_of_constants_is_computed() -> None:
    nodes = [
        filled("a"),
        helper.make_node("Exp", ["a"], ["b"], "exp"),
        helper.make_node("Mul", ["x", "b"], ["y"], "mul"),
    ]
    model = Model.load(graph(nodes, {"x": (FLOAT, [64, 64])}, {"y": (FLOAT, [64, 64])}, {"dims": BIG}))
    known, folded = folding.fold(model)
    assert folded == {"make_a", "exp"}
    np.testing.assert_allclose(known["b"], np.exp(2.0))
    built = graphs.build(model)
    assert built.inputs == ("x",)
    assert set(built.owners) == {"make_a", "exp", "mul"}


def test_chance_and_quantization_are_not_folded() -> None:
    nodes = [
        helper.make_node("RandomNormal", [], ["r"], "random", shape=[64, 64]),
        helper.make_node("DequantizeLinear", ["w", "s"], ["d"], "dequantize"),
        helper.make_node("Add", ["r", "d"], ["a"], "add"),
        helper.make_node("Mul", ["x", "a"], ["y"], "mul"),
    ]
    weights = {"w": np.ones((64, 64), np.uint8), "s": np.array(0.5, np.float32)}
    model = Model.load(graph(nodes, {"x": (FLOAT, [64, 64])}, {"y": (FLOAT, [64, 64])}, weights))
    assert folding.fold(model) == ({}, frozenset())


def test_unknown_operator_is_left_alone() -> None:
    nodes = [
        helper.make_node("Widget", ["w"], ["a"], "widget", domain="acme"),
        helper.make_node("Mul", ["x", "a"], ["y"], "mul"),
    ]
    proto = graph(nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}, {"w": np.ones(2, np.float32)})
    proto.opset_import.append(helper.make_opsetid("acme", 1))
    assert folding.fold(Model.load(proto)) == ({}, frozenset())


def test_input_that_nobody_reads_is_dropped() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], "relu")]
    model = Model.load(graph(nodes, {"x": (FLOAT, [2]), "unused": (FLOAT, [2])}, {"y": (FLOAT, [2])}))
    assert graphs.build(model).inputs == ("x",)
