"""Verification on Qualcomm's emulator: what it would compute wrongly is right as zif writes it, the rest leaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif.evaluation.verification import verify
from zif.runtime.verification import bench

CHIP = "snapdragon-8-gen-3"
RANDOM = np.random.default_rng(0)


def model(nodes: Sequence[onnx.NodeProto], shape: Sequence[int], weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(list(nodes), "net", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def short_row(length: int) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node("Conv", ["r", "w"], ["c"], "conv", pads=[2, 2]),
        helper.make_node("Relu", ["c"], ["y"], "end"),
    ]
    return model(nodes, [1, 8, length], {"w": RANDOM.normal(size=(8, 8, 5)) * 0.3})


def gate_behind_product() -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], "product"),
        helper.make_node("Sigmoid", ["h"], ["y"], "gate"),
    ]
    return model(nodes, [1, 32, 64], {"w": RANDOM.normal(size=(64, 64)) / 4})


def recurrent(kind: str, gates: int) -> onnx.ModelProto:
    sizes = {"W": (1, gates * 64, 64), "R": (1, gates * 64, 64)}
    cell = helper.make_node(kind, ["x", "W", "R"], ["y"], "cell", hidden_size=64)
    return model([cell], [4, 1, 64], {name: RANDOM.normal(size=size) / 8 for name, size in sizes.items()})


def squared() -> onnx.ModelProto:
    """Up to some millions, which fp16 does not hold, and back."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node("Mul", ["r", "large"], ["l"], "enlarge"),
        helper.make_node("Mul", ["l", "l"], ["s"], "square"),
        helper.make_node("Mul", ["s", "small"], ["y"], "end"),
    ]
    return model(nodes, [1, 8, 64], {"large": np.array([1000.0]), "small": np.array([1e-6])})


CASES = [
    pytest.param(short_row(8), "right", id="a short row"),
    pytest.param(short_row(64), "right", id="a long row"),
    pytest.param(gate_behind_product(), "right", id="a gate behind a product"),
    pytest.param(recurrent("LSTM", 4), "right", id="LSTM"),
    pytest.param(recurrent("GRU", 3), "right", id="GRU"),
    pytest.param(squared(), "unholdable", id="squares of large numbers"),
]


@pytest.mark.parametrize(("proto", "word"), CASES)
def test_what_it_computes_is_judged_by_what_fp16_must_cost(proto: onnx.ModelProto, word: str) -> None:
    """The first, third and fourth were wrong by 35 to 58 dB as they stand."""
    (segment,) = verify(proto, CHIP, pin={"*": "qnn_htp"}).segments
    assert (segment.backend, segment.precision, segment.word) == ("qnn_htp", "fp16", word)


def test_what_is_wrong_leaves_and_the_rest_stays(tmp_path: Path) -> None:
    proto = squared()
    made = zif.compile(proto, tmp_path / "b.zif", CHIP, pin={"relu": "qnn_htp", "enlarge": "qnn_htp"})
    plan = made.plans[CHIP]
    placed = {unit.name: unit.backend for unit in plan.units}
    assert placed["square"] != "qnn_htp"
    assert {placed["relu"], placed["enlarge"]} == {"qnn_htp"}
    assert plan.unit("square").verdicts["qnn_htp"].code == "verified-wrong"
    assert any(event.kind == "verified-wrong" and "square" in event.text for event in made.events[CHIP])
    assert made.verification[CHIP].wrong == ()
    x = RANDOM.normal(size=(1, 8, 64)).astype(np.float32)
    with zif.load(tmp_path / "b.zif") as session, zif.load(proto, only=["qnn_cpu"], cache=False) as judge:
        np.testing.assert_allclose(session.run({"x": x})["y"], judge.run({"x": x})["y"], rtol=0.02, atol=0.02)


def test_what_takes_long_and_is_right_is_not_run_on_every_made_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "PATIENCE_S", 0.0)
    pin = {"*": "qnn_htp"}
    (note,) = verify(short_row(64), CHIP, pin=pin).notes
    assert "segment 0: right on 1 of 3" in note
    assert verify(squared(), CHIP, pin=pin).notes == ()
    samples = [{"x": RANDOM.normal(size=(1, 8, 64)).astype(np.float32)} for _ in range(2)]
    assert verify(short_row(64), CHIP, samples, pin=pin).notes == ()
    monkeypatch.setattr(bench, "PATIENCE_S", 1e6)
    assert verify(short_row(64), CHIP, pin=pin).notes == ()
