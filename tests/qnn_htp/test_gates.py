"""Sigmoid, Tanh, Softplus and Mish in floats, alone and behind what the compiler would join them with."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from onnx import NodeProto, helper
from qnn_htp.beside import PINNED, made, worst
from zif_qnn_htp.graph import build

node = helper.make_node
pytestmark = pytest.mark.usefixtures("htp")
RANDOM = np.random.default_rng(0)
FEED = {"x": RANDOM.standard_normal((1, 8, 16, 16)).astype(np.float32)}
WEIGHTS = {
    "w": (RANDOM.standard_normal((8, 8, 3, 3)) / 8).astype(np.float32),
    "m": (RANDOM.standard_normal((16, 16)) / 3).astype(np.float32),
    "shape": np.array([1, 8, 256]),
}
BEFORE: dict[str, list[NodeProto]] = {
    "Conv": [node("Conv", ["x", "w"], ["h"], "conv", pads=[1] * 4)],
    "MatMul": [node("MatMul", ["x", "m"], ["h"], "product")],
    "Add": [node("Add", ["x", "x"], ["h"], "sum")],
    "moved": [node("MatMul", ["x", "m"], ["p"], "product"), node("Reshape", ["p", "shape"], ["h"], "moved")],
    "joined": [node("MatMul", ["x", "m"], ["p"], "product"), node("Concat", ["p", "x"], ["h"], "joined", axis=1)],
}


@pytest.mark.parametrize("gate", ["Sigmoid", "Tanh"])
@pytest.mark.parametrize("kind", BEFORE)
def test_a_gate_behind_a_product(kind: str, gate: str) -> None:
    model = made([*BEFORE[kind], node(gate, ["h"], ["y"], "gate")], FEED, ["y"], WEIGHTS)
    assert worst(model, FEED, **PINNED) > 58


@pytest.mark.parametrize("size", [0.1, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("operator", ["Softplus", "Mish"])
def test_soft_maxima(operator: str, size: float) -> None:
    feed = {"x": FEED["x"] * np.float32(size)}
    assert worst(made([node(operator, ["x"], ["y"], "soft")], feed, ["y"]), feed, **PINNED) > 58


def test_a_gate_of_what_is_fed_is_left() -> None:
    alone = made([node("Sigmoid", ["x"], ["y"], "gate")], FEED, ["y"])
    assert b"_apart" not in build(zif.Model.load(alone)).data
