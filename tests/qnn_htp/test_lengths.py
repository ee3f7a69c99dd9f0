"""Lengths that are multiplied before their roots, and logarithms of gates: both leave fp16, and stay off the HTP."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from onnx import helper
from qnn_htp.beside import CHIP, made, takes, worst
from zif.model import Model
from zif_qnn_htp.refusals.products import of_squares

node = helper.make_node
CHANCE = np.random.default_rng(0)
WEIGHTS = {
    "a": np.array([-1]),
    "e": np.array([1e-8], np.float32),
    "w": (CHANCE.standard_normal((256, 256)) / 16).astype(np.float32),
}
COSINE = [
    node("MatMul", ["x", "w"], ["u"], "embed"),
    node("MatMul", ["z", "w"], ["v"], "embed_other"),
    node("Mul", ["u", "v"], ["p"], "times"),
    node("ReduceSum", ["p", "a"], ["d"], "dot"),
    node("Mul", ["u", "u"], ["uu"], "square"),
    node("ReduceSum", ["uu", "a"], ["su"], "sum"),
    node("Mul", ["v", "v"], ["vv"], "square_other"),
    node("ReduceSum", ["vv", "a"], ["sv"], "sum_other"),
    node("Mul", ["su", "sv"], ["s"], "product"),
    node("Sqrt", ["s"], ["r"], "root"),
    node("Max", ["r", "e"], ["m"], "bound"),
    node("Div", ["d", "m"], ["y"], "divide"),
]


@pytest.mark.usefixtures("htp")
def test_a_cosine_of_ordinary_vectors() -> None:
    """All that may be on the HTP, there."""
    feed = {name: CHANCE.standard_normal((4, 256)).astype(np.float32) * 3 for name in "xz"}
    model = made(COSINE, feed, ["y"], WEIGHTS)
    may = {name: "qnn_htp" for name, taken in takes(model).items() if taken}
    assert {"embed", "embed_other"} <= may.keys()
    assert worst(model, feed, pin=may) > 45
    said = zif.plan(model, target=CHIP).unit("product").verdicts["qnn_htp"]
    assert (said.supported, said.code) == (False, "fp16-range")


def test_other_products_of_sums_stay() -> None:
    """Whose root nobody takes, and of one sum with itself."""
    feed = {name: np.ones((4, 256), np.float32) for name in "xz"}
    for nodes in ([*COSINE[:9], node("Neg", ["s"], ["y"], "neg")], [*COSINE[:6], node("Sqrt", ["su"], ["y"], "root")]):
        assert of_squares(Model.load(made(nodes, feed, ["y"], WEIGHTS))) == frozenset()


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("gate", ["Sigmoid", "Softmax"])
def test_the_logarithm_of_a_gate(gate: str) -> None:
    feed = {"x": CHANCE.standard_normal((4, 256)).astype(np.float32) * 3}
    nodes = [
        node("MatMul", ["x", "w"], ["h"], "net"),
        node(gate, ["h"], ["g"], "gate"),
        node("Log", ["g"], ["y"], "log"),
    ]
    model = made(nodes, feed, ["y"], WEIGHTS)
    may = {name: "qnn_htp" for name, taken in takes(model).items() if taken}
    assert may == {"net": "qnn_htp"}
    assert worst(model, feed, pin=may) > 50
