"""Whole numbers that become floats and whole numbers again are counted where 2049 is not 2048."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import zif
from onnx import NodeProto, TensorProto, helper
from qnn_htp.beside import CHIP, made, takes, worst
from zif.model import Model
from zif_qnn_htp.refusals.counts import of_whole_numbers

node = helper.make_node
CHANCE = np.random.default_rng(0)
WEIGHTS = {
    "table": CHANCE.standard_normal((5000, 16)).astype(np.float32),
    "w": (CHANCE.standard_normal((16, 512)) / 4).astype(np.float32),
    "one": np.array([1], np.float32),
    "half": np.array([0.5], np.float32),
    "last": np.array(1),
}
INTO = node("Cast", ["p"], ["f"], "into", to=TensorProto.FLOAT)
OUT = node("Cast", ["g"], ["i"], "out", to=TensorProto.INT64)
LOOKED: Sequence[NodeProto] = (
    OUT,
    node("Gather", ["table", "i"], ["t"], "look"),
    node("MatMul", ["t", "w"], ["y"], "net"),
)
POSITIONS = np.arange(2901, 2933)[None]
#: From "f", whole numbers in floats, to "g".
WAYS: dict[str, Sequence[NodeProto]] = {
    "the next": [node("Add", ["f", "one"], ["g"], "next")],
    "half of it": [node("Mul", ["f", "half"], ["h"], "halved"), node("Floor", ["h"], ["g"], "down")],
    "masked": [node("Greater", ["f", "one"], ["b"], "more"), node("Where", ["b", "f", "one"], ["g"], "masked")],
}


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("way", WAYS)
def test_rows_that_are_counted_in_floats_are_those_rows(way: str) -> None:
    """Also with all on the HTP that may be."""
    model = made([INTO, *WAYS[way], *LOOKED], {"p": POSITIONS}, ["y"], WEIGHTS)
    may = {name: "qnn_htp" for name, taken in takes(model).items() if taken}
    assert "net" in may
    assert worst(model, {"p": POSITIONS}, pin=may) > 50


@pytest.mark.usefixtures("htp")
def test_the_plan_says_why() -> None:
    plan = zif.plan(made([INTO, *WAYS["the next"], *LOOKED], {"p": POSITIONS}, ["y"], WEIGHTS), target=CHIP)
    for unit in ("into", "next", "out"):
        said = plan.unit(unit).verdicts["qnn_htp"]
        assert (said.supported, said.code) == (False, "fp16-range"), unit


def test_other_casts_stay() -> None:
    """A mask that is multiplied with, small numbers, and scores that become whole numbers."""
    mask = [INTO, node("Mul", ["f", "half"], ["y"], "masked")]
    assert of_whole_numbers(Model.load(made(mask, {"p": POSITIONS}, ["y"], WEIGHTS))) == frozenset()
    small = [INTO, *WAYS["the next"], *LOOKED]
    assert of_whole_numbers(Model.load(made(small, {"p": POSITIONS.astype(np.uint8)}, ["y"], WEIGHTS))) == frozenset()
    scores = [node("Add", ["p", "one"], ["g"], "next"), *LOOKED]
    assert of_whole_numbers(Model.load(made(scores, {"p": np.ones((1, 4), np.float32)}, ["y"], WEIGHTS))) == frozenset()
