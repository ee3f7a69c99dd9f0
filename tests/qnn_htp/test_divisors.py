"""Computed divisors beyond the largest that has a reciprocal in fp16."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from onnx import helper
from qnn_htp.beside import PINNED, made, worst
from zif_qnn_htp.graph import build

node = helper.make_node
RANDOM = np.random.default_rng(0)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("most", [1.0, 300.0, 16000.0, 60000.0])
def test_what_is_fed_divides(most: float) -> None:
    sides = {name: RANDOM.uniform(most / 200, most, (4, 64)).astype(np.float32) for name in ("x", "z")}
    assert worst(made([node("Div", ["x", "z"], ["y"], "div")], sides, ["y"]), sides, **PINNED) > 50


@pytest.mark.usefixtures("htp")
def test_small_ones_beside_large_ones_divide() -> None:
    small = RANDOM.uniform(2e-5, 6e-5, (4, 32)), RANDOM.uniform(16000, 60000, (4, 32))
    z = np.concatenate(small, axis=1).astype(np.float32) * np.float32(RANDOM.choice([-1, 1], (4, 64)))
    sides = {"x": (z * RANDOM.uniform(0.5, 1, z.shape)).astype(np.float16).astype(np.float32), "z": z}
    assert worst(made([node("Div", ["x", "z"], ["y"], "div")], sides, ["y"]), sides, **PINNED) > 40


@pytest.mark.usefixtures("htp")
def test_a_reciprocal() -> None:
    feed = {"x": RANDOM.uniform(300, 60000, (4, 64)).astype(np.float32)}
    nodes = [node("Reciprocal", ["x"], ["r"], "inverse"), node("Mul", ["x", "r"], ["y"], "back")]
    assert worst(made(nodes, feed, ["y"]), feed, **PINNED) > 40


@pytest.mark.usefixtures("htp")
def test_a_sum_divides() -> None:
    feed = {"x": RANDOM.uniform(100, 300, (4, 128)).astype(np.float32)}
    nodes = [node("ReduceSum", ["x", "a"], ["s"], "sum"), node("Div", ["x", "s"], ["y"], "div")]
    assert worst(made(nodes, feed, ["y"], {"a": np.array([-1])}), feed, **PINNED) > 50


def test_what_cannot_be_large_is_left() -> None:
    feed = {"x": RANDOM.standard_normal((4, 64)).astype(np.float32)}
    nodes = [
        node("Abs", ["x"], ["a"], "size"),
        node("Sqrt", ["a"], ["r"], "root"),
        node("Add", ["r", "e"], ["z"], "add"),
        node("Div", ["x", "z"], ["y"], "div"),
    ]
    model = made(nodes, feed, ["y"], {"e": np.array(1e-3, np.float32)})
    assert b"_quarter" not in build(zif.Model.load(model)).data
    assert (
        b"_quarter"
        in build(zif.Model.load(made([node("Div", ["x", "z"], ["y"], "d")], feed | {"z": feed["x"]}, ["y"]))).data
    )
