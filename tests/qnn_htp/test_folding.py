from __future__ import annotations

import numpy as np
import onnx
import pytest
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


def test_weights_that_are_quantized_by_a_node_become_integers_that_the_compiler_reads() -> None:
    """As quantizers leave them behind an exporter that computes with weights: DequantizeLinear, Pow, QuantizeLinear"""
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["shared"], "dq_shared"),
        helper.make_node("Pow", ["shared", "two"], ["mean"], "square"),
        helper.make_node("QuantizeLinear", ["mean", "s", "z"], ["mean_q"], "q_mean"),
        helper.make_node("DequantizeLinear", ["mean_q", "s", "z"], ["mean_d"], "dq_mean"),
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["x_d"], "dq_x"),
        helper.make_node("Add", ["x_d", "mean_d"], ["sum"], "add"),
        helper.make_node("QuantizeLinear", ["sum", "s", "z"], ["y"], "q_y"),
    ]
    weights = {
        "w": np.arange(4, dtype=np.uint8),
        "s": np.array(0.5, np.float32),
        "z": np.array(0, np.uint8),
        "two": np.array(2.0, np.float32),
    }
    model = Model.load(graph(nodes, {"x": (TensorProto.UINT8, [4])}, {"y": (TensorProto.UINT8, [4])}, weights))
    known, folded = folding.fold(model)
    assert [unit.id for unit in model.units if unit.id not in folded] == ["add"]
    np.testing.assert_array_equal(known["mean_q"], [0, 0, 2, 4])  # (w × 0.5)² ÷ 0.5, half to even
    built = graphs.build(model)
    assert {node for node, _ in built.owners.items()} >= {"dq_mean", "add"}
    kept = [node.name for node in onnx.load_from_string(built.data).graph.node]
    assert kept == ["dq_mean", "dq_x", "add", "q_y"]


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


def test_names_as_the_layout_transformation_gives_them_are_told_apart() -> None:
    """ONNX Runtime saves such names into a model that it optimized; stripped, they would be nobody's."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "gemm_token_2"),
        helper.make_node("Relu", ["a"], ["y"], "gemm_token_2_"),
    ]
    model = Model.load(graph(nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}))
    built = graphs.build(model)
    assert built.owners == {"gemm_token_2__": ("gemm_token_2", "Relu"), "gemm_token_2_": ("gemm_token_2_", "Relu")}
    assert [node.name for node in onnx.load_from_string(built.data).graph.node] == list(built.owners)


def test_what_is_computed_for_a_question_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network whose weights are ConstantOfShape has as many values to make as weights: twice was half the time."""
    made: list[str] = []
    real = folding._evaluate
    monkeypatch.setattr(folding, "_evaluate", lambda node, *rest: made.append(node.op_type) or real(node, *rest))
    nodes = [filled("a"), helper.make_node("Mul", ["x", "a"], ["y"], "mul")]
    model = Model.load(graph(nodes, {"x": (FLOAT, [64, 64])}, {"y": (FLOAT, [64, 64])}, {"dims": BIG}))
    assert folding.fold(model)[1] == {"make_a"}
    assert graphs.build(model).folded == {"make_a"}
    assert made == ["ConstantOfShape"]
