"""Small probabilities keep their digits where they leave: a detector that sees nothing says 0.001, not 0.0005."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from onnx import NodeProto, helper
from qnn_htp.beside import CHIP, PINNED, made, worst
from zif_qnn_htp.graph import build

node = helper.make_node
RANDOM = np.random.default_rng(0)
LOGITS = (RANDOM.standard_normal((1, 4, 16, 16)) - 7).astype(np.float32)
FEED = {"x": LOGITS}
CONSTANTS = {
    "w": (RANDOM.standard_normal((4, 4, 3, 3)) / 60).astype(np.float32),
    "b": np.full(4, -7, np.float32),
    "shape": np.array([1, 1024]),
    "axes": np.array([1]),
}
SIGMOID = node("Sigmoid", ["x"], ["s"], "sigmoid")
HEADS: dict[str, list[NodeProto]] = {
    "alone": [node("Sigmoid", ["x"], ["y"], "sigmoid")],
    "behind a convolution": [
        node("Conv", ["x", "w", "b"], ["h"], "conv", pads=[1] * 4),
        node("Sigmoid", ["h"], ["y"], "sigmoid"),
    ],
    "moved": [
        SIGMOID,
        node("Transpose", ["s"], ["t"], "turned", perm=[0, 2, 3, 1]),
        node("Reshape", ["t", "shape"], ["y"]),
    ],
    "joined": [SIGMOID, node("Sigmoid", ["x"], ["r"], "other"), node("Concat", ["s", "r"], ["y"], "joined", axis=1)],
    "multiplied": [SIGMOID, node("Sigmoid", ["x"], ["r"], "object"), node("Mul", ["s", "r"], ["y"], "score")],
    "the largest": [SIGMOID, node("ReduceMax", ["s", "axes"], ["y"], "best", keepdims=0)],
}


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_sees_nothing(head: str) -> None:
    """fp16 itself gives 53 dB for the products, 58 for the others; QNN's own Sigmoid 21 and less."""
    assert worst(made(HEADS[head], FEED, ["y"], CONSTANTS), FEED, **PINNED) > 45


@pytest.mark.usefixtures("htp")
def test_every_leading_digit() -> None:
    x = np.linspace(-16, 16, 4096, dtype=np.float32).reshape(1, 1, 64, 64)
    wanted = 1 / (1 + np.exp(-x.astype(np.float64)))
    with zif.load(made(HEADS["alone"], {"x": x}, ["y"]), cache=False, verify="off", target=CHIP, **PINNED) as session:
        y = session.run({"x": x})["y"]
    normal = wanted > 2.0**-14
    np.testing.assert_allclose(y[normal], wanted[normal], rtol=5e-3)
    np.testing.assert_allclose(y, wanted, rtol=5e-3, atol=2.0**-14 / 50)


@pytest.mark.parametrize("far", [-60000.0, -100.0, 100.0, 60000.0])
@pytest.mark.usefixtures("htp")
def test_far_logits(far: float) -> None:
    feed = {"x": np.full((1, 1, 4, 4), far, np.float32)}
    with zif.load(made(HEADS["alone"], feed, ["y"]), cache=False, verify="off", target=CHIP, **PINNED) as session:
        np.testing.assert_allclose(session.run(feed)["y"], float(far > 0), atol=1e-6)


def test_a_gate_within_a_network_is_one_operator() -> None:
    gated = [
        SIGMOID,
        node("Mul", ["x", "s"], ["g"], "gate"),
        node("Conv", ["g", "w", "b"], ["y"], "conv", pads=[1] * 4),
    ]
    assert b"_probability" not in build(zif.Model.load(made(gated, FEED, ["y"], CONSTANTS))).data
