"""Angles of positions are computed where they have a fraction, wherever they come from; other sines stay on the HTP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import zif
from onnx import NodeProto, TensorProto, helper
from qnn_htp.beside import CHIP, made, takes, worst
from zif.model import Model
from zif_qnn_htp.refusals.angles import of_positions

node = helper.make_node
CHANCE = np.random.default_rng(0)
FREQUENCIES = (1 / 10000 ** (np.arange(0, 64, 2) / 64)).astype(np.float32)
WEIGHTS = {"axis": np.array([2]), "f": FREQUENCIES.reshape(1, 1, -1), "g": FREQUENCIES.reshape(1, -1, 1)}
WEIGHTS |= {
    "w": (CHANCE.standard_normal((512, 64)) / 20).astype(np.float32),
    "row": np.array([1]),
    "two": np.array([2.0], np.float32),
}
#: From positions to "t", in the forms that exporters write.
ANGLES: dict[str, Sequence[NodeProto]] = {
    "times frequencies": (
        node("Unsqueeze", ["p", "axis"], ["p3"], "lift"),
        node("Cast", ["p3"], ["pf"], "to_float", to=TensorProto.FLOAT),
        node("Mul", ["pf", "f"], ["half"], "angle"),
        node("Concat", ["half", "half"], ["t"], "both", axis=-1),
    ),
    "as an outer product": (
        node("Unsqueeze", ["p", "row"], ["p3"], "lift"),
        node("Cast", ["p3"], ["pf"], "to_float", to=TensorProto.FLOAT),
        node("MatMul", ["g", "pf"], ["m"], "angle"),
        node("Transpose", ["m"], ["half"], "turn_over", perm=[0, 2, 1]),
        node("Concat", ["half", "half"], ["t"], "both", axis=-1),
    ),
}
TURNED: Sequence[NodeProto] = (
    node("Cos", ["t"], ["cos"], "cos"),
    node("Sin", ["t"], ["sin"], "sin"),
    node("MatMul", ["x", "w"], ["q"], "query"),
    node("Mul", ["q", "cos"], ["a"], "by_cos"),
    node("Mul", ["q", "sin"], ["b"], "by_sin"),
    node("Add", ["a", "b"], ["y"], "sum"),
)


def feed(start: int, dtype: type = np.int64) -> dict[str, np.ndarray]:
    positions = (np.arange(32) + start).astype(dtype)[None]
    return {"p": positions, "x": CHANCE.standard_normal((1, 32, 512)).astype(np.float32)}


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("angle", ANGLES)
def test_rotary_embeddings_are_right_at_every_position(angle: str, dtype: type) -> None:
    """Nobody pinned, and with all on the HTP that may be."""
    model = made([*ANGLES[angle], *TURNED], feed(0, dtype), ["y"], WEIGHTS)
    may = {name: "qnn_htp" for name, taken in takes(model).items() if taken}
    assert {"query", "by_cos", "by_sin", "sum"} <= may.keys()
    assert may.keys().isdisjoint({"cos", "sin", "angle", "to_float"})
    for start in (0, 1000, 30000):
        assert worst(model, feed(start, dtype), pin=may) > 50


@pytest.mark.usefixtures("htp")
def test_the_plan_says_why() -> None:
    plan = zif.plan(made([*ANGLES["times frequencies"], *TURNED], feed(0), ["y"], WEIGHTS), target=CHIP)
    said = plan.unit("cos").verdicts["qnn_htp"]
    assert (said.supported, said.code) == (False, "fp16-range")
    assert "radian" in said.reason


def refused(nodes: Sequence[NodeProto], values: dict[str, np.ndarray]) -> frozenset[str]:
    return of_positions(Model.load(made(nodes, values, ["y"], WEIGHTS)))


def test_numbers_that_are_fed_and_scaled() -> None:
    """The time of a diffusion step, and coordinates times powers of two."""
    time = [node("Mul", ["p", "f"], ["t"], "angle"), node("Sin", ["t"], ["y"], "sin")]
    assert refused(time, {"p": np.ones((1, 8, 1), np.float32)}) == {"angle", "sin"}


def test_other_sines_stay() -> None:
    """What is fed as it is, what layers made, and sums over many values."""
    fed = [node("Sin", ["x"], ["y"], "sin")]
    layer = [
        node("MatMul", ["x", "w"], ["h"], "first"),
        node("Mul", ["h", "two"], ["t"], "twice"),
        node("Sin", ["t"], ["y"], "sin"),
    ]
    act = [
        node("Relu", ["x"], ["h"], "relu"),
        node("Mul", ["h", "two"], ["t"], "twice"),
        node("Sin", ["t"], ["y"], "sin"),
    ]
    for nodes in (fed, layer, act):
        assert refused(nodes, {"x": np.ones((1, 4, 512), np.float32)}) == frozenset()


def test_many_ways_to_one_angle_are_looked_at_once() -> None:
    """Thirty sums of a value with itself have a thousand million ways through them."""
    nodes = [node("Cast", ["p"], ["v0"], "cast", to=TensorProto.FLOAT)]
    nodes += [node("Add", [f"v{k}", f"v{k}"], [f"v{k + 1}"], f"add{k}") for k in range(30)]
    nodes.append(node("Sin", ["v30"], ["y"], "sin"))
    assert len(refused(nodes, {"p": np.ones((1, 4), np.int64)})) == 32
