"""Averages and convolutions whose windows QNN lays wrongly over padding, rows and narrow pictures: right in floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zif
from onnx import helper
from qnn_htp.beside import PINNED, made, worst
from zif_qnn_htp.graph import build

node = helper.make_node
pytestmark = pytest.mark.usefixtures("htp")
RANDOM = np.random.default_rng(0)


def given(*shape: int) -> dict[str, np.ndarray]:
    return {"x": RANDOM.standard_normal(shape).astype(np.float32)}


def row(length: int, size: int, dilation: int = 1, picture: bool = False) -> tuple[Any, dict[str, np.ndarray]]:
    pad, feed = (size - 1) * dilation // 2, given(1, 4, *([1] if picture else []), length)
    weights = {"w": RANDOM.standard_normal((6, 4, *([1] if picture else []), size)).astype(np.float32)}
    rest = (
        {"pads": [0, pad, 0, pad], "dilations": [1, dilation]}
        if picture
        else {"pads": [pad] * 2, "dilations": [dilation]}
    )
    return made([node("Conv", ["x", "w"], ["y"], "conv", **rest)], feed, ["y"], weights), feed


@pytest.mark.parametrize(("length", "size", "dilation"), [(8, 5, 1), (16, 7, 1), (24, 9, 1), (16, 3, 3), (64, 31, 1)])
@pytest.mark.parametrize("picture", [False, True])
def test_a_window_that_reaches_further_than_an_eighth_of_its_row(
    length: int, size: int, dilation: int, picture: bool
) -> None:
    model, feed = row(length, size, dilation, picture)
    assert worst(model, feed, **PINNED) > 50


def test_rows_that_are_right_are_left() -> None:
    for length, size in ((12, 9), (64, 9), (8, 3)):
        assert b"_laid" not in build(zif.Model.load(row(length, size)[0])).data
    assert b"_laid" in build(zif.Model.load(row(8, 5)[0])).data


AVERAGES = {
    "counted, one dimension": ((1, 4, 9), {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1}),
    "counted, a row": ((1, 4, 5, 9), {"kernel_shape": [1, 3], "pads": [0, 1, 0, 1], "count_include_pad": 1}),
    "counted, three dimensions": ((1, 2, 6, 6, 6), {"kernel_shape": [3] * 3, "pads": [1] * 6, "count_include_pad": 1}),
    "not counted, a large picture": ((1, 4, 33, 33), {"kernel_shape": [3, 3], "pads": [1] * 4}),
    "not counted, with a stride": ((1, 4, 35, 35), {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [2, 2]}),
    "not counted, a window of 9": ((1, 4, 16), {"kernel_shape": [9], "pads": [4, 4]}),
    "padded on one side": ((1, 4, 12, 12), {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "strides": [2, 2]}),
    "sticking out": ((1, 4, 8, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    "sticking out of what counts": (
        (1, 4, 8, 8),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 1, "count_include_pad": 1},
    ),
    "SAME_LOWER": ((1, 4, 11, 11), {"kernel_shape": [4, 4], "auto_pad": "SAME_LOWER", "strides": [3, 3]}),
    "narrow": ((1, 8, 16, 8), {"kernel_shape": [2, 2]}),
    "narrow and padded": ((2, 8, 20, 6), {"kernel_shape": [3, 5], "pads": [1, 2, 1, 2]}),
}  # fmt: skip


@pytest.mark.parametrize("kind", AVERAGES)
def test_averages(kind: str) -> None:
    shape, attributes = AVERAGES[kind]
    feed = given(*shape)
    nodes = [node("Relu", ["x"], ["r"], "relu"), node("AveragePool", ["r"], ["y"], "average", **attributes)]
    model = made(nodes, feed, ["y"])
    plan = zif.plan(model, target="snapdragon-8-gen-3")
    if plan.unit("average").verdicts["qnn_htp"].basis == "observed":
        pytest.skip("the table keeps this one off, from before it was laid otherwise")
    assert worst(model, feed, **PINNED) > 50
