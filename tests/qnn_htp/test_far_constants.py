"""Factors and divisors that fp16 holds with few digits or has no reciprocal of: applied in two steps."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from onnx import TensorProto, helper
from qnn_htp.beside import PINNED, made, worst
from zif_qnn_htp.graph import build

X = (np.random.default_rng(0).standard_normal((4, 64)) * 10000).clip(-60000, 60000).astype(np.float32)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("divisor", [32768.0, -65535.0, 50000.0, 1e6, 16384.0])
def test_samples_of_16_bits_are_divided(divisor: float) -> None:
    node = helper.make_node("Div", ["x", "c"], ["y"], "div")
    assert worst(made([node], {"x": X}, ["y"], {"c": np.float32(divisor)}), {"x": X}, **PINNED) > 55


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("factor", [1 / 32768, 1e-5, -1e-7, 1e-8])
def test_small_factors_keep_their_digits(factor: float, first: bool) -> None:
    """As far as the product is a number of fp16."""
    node = helper.make_node("Mul", ["c", "x"] if first else ["x", "c"], ["y"], "mul")
    scaled = helper.make_node("Mul", ["y", "up"], ["z"], "up")
    weights = {"c": np.array([factor], np.float32), "up": np.array([1000.0], np.float32)}
    x = np.abs(X) + 1000
    assert worst(made([node, scaled], {"x": x}, ["z"], weights), {"x": x}, **PINNED) > 45


@pytest.mark.usefixtures("htp")
def test_a_divisor_for_each_channel_and_half_floats() -> None:
    channels = np.geomspace(1, 60000, 64).astype(np.float32)
    node = helper.make_node("Div", ["x", "c"], ["y"], "div")
    assert worst(made([node], {"x": X}, ["y"], {"c": channels}), {"x": X}, **PINNED) > 55
    half = {"x": X.astype(np.float16)}
    model = made([node], half, ["y"], {"c": channels.astype(np.float16)}, kind=TensorProto.FLOAT16)
    assert worst(model, half, **PINNED) > 45


def test_ordinary_constants_masks_and_zeros_are_left() -> None:
    nodes = [helper.make_node("Mul", ["x", "c"], ["h"], "mul"), helper.make_node("Div", ["h", "d"], ["y"], "div")]
    weights = {"c": np.array([0.0, 1.0, -1e9, np.inf], np.float32), "d": np.array([255.0], np.float32)}
    model = zif.Model.load(made(nodes, {"x": X[:, :4]}, ["y"], weights))
    assert b"_tamed" not in build(model).data
