"""A MatMul whose weight has a scale per column is taken, and as near to float as its integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import zif
from onnx import helper
from qnn_htp.beside import CHIP, decibels, made, right
from zif_quantize import prepare, quantize_model


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize(("precision", "least"), [("w8a16", 42), ("w8a8", 31), ("w4a16", 17)])
@pytest.mark.parametrize(
    ("shape", "weight"), [((20, 32), (32, 24)), ((1, 20, 32), (32, 24)), ((1, 4, 5, 32), (4, 32, 24))]
)
def test_uneven_columns_keep_their_steps(
    shape: Sequence[int], weight: Sequence[int], precision: str, least: float
) -> None:
    """With one scale for all it was at 34 to 36 dB in w8a16, at 30 in w8a8 and 12 to 14 in w4a16."""
    chance = np.random.default_rng(1)
    values = (chance.standard_normal(weight) * np.exp(1.5 * chance.standard_normal(weight[-1]))).astype(np.float32)
    feeds = [{"x": chance.standard_normal(shape).astype(np.float32)} for _ in range(4)]
    model = made([helper.make_node("MatMul", ["x", "w"], ["y"], "product")], feeds[0], ["y"], {"w": values}, opset=21)
    quantized = quantize_model(prepare(model, rules="qnn_htp"), feeds, precision)
    with zif.load(quantized, target=CHIP, only=["qnn_htp"], cache=False, verify="off") as session:
        assert decibels(right(model, feeds[0])["y"], session.run(feeds[0])["y"]) > least
