"""Whole numbers of 64 bits that leave the HTP: of every maker, in arrays of one's own, and as an ONNX graph."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from onnx import helper
from qnn_htp.beside import CHIP, PINNED, made, right

node = helper.make_node
RANDOM = np.random.default_rng(0)
FEED = {"x": RANDOM.standard_normal((1, 3, 8, 8)).astype(np.float32)}
CONSTANTS = {
    "w": (RANDOM.standard_normal((4, 3, 3, 3)) / 4).astype(np.float32),
    "k": np.array([2]),
    "two": np.array([2]),
    "half": np.array([2.5], np.float32),
}
CONV = node("Conv", ["x", "w"], ["c"], "conv", pads=[1] * 4)
LAST = node("Transpose", ["x"], ["t"], "turn", perm=[0, 2, 3, 1])
NETS = {
    "classes of a picture": [CONV, node("ArgMax", ["c"], ["y"], "classes", axis=1)],
    "classes behind a Transpose": [LAST, node("ArgMax", ["t"], ["y"], "classes", axis=3)],
    "a Transpose of classes": [
        CONV,
        node("ArgMax", ["c"], ["a"], "classes", axis=1),
        node("Transpose", ["a"], ["y"], "turn", perm=[0, 2, 3, 1]),
    ],
    "computed with": [
        LAST,
        node("ArgMin", ["t"], ["a"], "classes", axis=3),
        node("Mul", ["a", "two"], ["y"], "doubled"),
    ],
    "counted": [
        node("Mul", ["x", "half"], ["m"], "scaled"),
        node("Cast", ["m"], ["i"], "whole", to=onnx.TensorProto.INT64),
        node("Transpose", ["i"], ["y"], "turn", perm=[0, 2, 3, 1]),
    ],
    "places of the largest": [LAST, node("TopK", ["t", "k"], ["v", "y"], "largest", axis=3)],
}


def net(name: str) -> onnx.ModelProto:
    return made(NETS[name], FEED, ["y"], CONSTANTS, kind=onnx.TensorProto.INT64)


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("name", NETS)
def test_they_leave_whole(name: str) -> None:
    wanted = right(net(name), FEED)["y"]
    with zif.load(net(name), target=CHIP, cache=False, verify="off", **PINNED) as session:
        y = session.run(FEED)["y"]
        place = np.full_like(wanted, -1)
        session.run(FEED, outputs={"y": place})
    assert y.dtype == np.int64
    np.testing.assert_array_equal(place, y)
    assert (y == wanted).mean() > 0.98  # fp16 may see a tie where there is none


@pytest.mark.parametrize("kind", ["Softmax", "Relu", "Exp"])
@pytest.mark.usefixtures("htp")
def test_doubles_run_where_there_are_some(kind: str) -> None:
    """In the middle of a model, too: a segment of the HTP can neither begin nor end with one."""
    nodes = [
        node("Relu", ["x"], ["r"], "relu"),
        node("Cast", ["r"], ["d"], "widen", to=onnx.TensorProto.DOUBLE),
        node(kind, ["d"], ["e"], "wide"),
        node("Cast", ["e"], ["f"], "narrow", to=onnx.TensorProto.FLOAT),
        node("Mul", ["f", "half"], ["y"], "end"),
    ]
    plan = zif.plan(made(nodes, FEED, ["y"], CONSTANTS), target=CHIP)
    words = {unit.name: unit.verdicts["qnn_htp"] for unit in plan.units}
    assert {name: word.code for name, word in words.items() if not word.supported} == dict.fromkeys(
        ("widen", "wide", "narrow"), "dtype"
    )
