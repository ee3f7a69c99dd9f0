"""Decoders with int4 weights in blocks run as on a chip and on the host, and come out as in float."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx.reference import ReferenceEvaluator

from tests.decoder import TOKENS, WORDS, decoder

#: fp16 has 11 bits: what two layers of it cost at most. On the host nothing is lost but the order of sums.
LEAST_DB = {"host": 90.0, "snapdragon-8-gen-3": 40.0}


@pytest.mark.parametrize("zero_points", [False, True], ids=["symmetric", "zero-points"])
@pytest.mark.parametrize("block", [32, 64, 128])
@pytest.mark.parametrize("target", LEAST_DB)
@pytest.mark.usefixtures("htp")
def test_the_decoder_comes_out_as_in_float(target: str, block: int, zero_points: bool) -> None:
    model = decoder(block, zero_points)
    ids = np.arange(TOKENS, dtype=np.int64)[None] * 7 % WORDS
    expected = ReferenceEvaluator(decoder(block, zero_points, in_float=True)).run(None, {"ids": ids})[0]
    policy = "power" if target != "host" else "balanced"
    with zif.load(model, target=target, policy=policy, cache=False) as session:
        found = session.run({"ids": ids})[model.graph.output[0].name]
        assert session.events == []
        if target != "host":
            assert _on(session.plan, "MatMulNBits") == {"qnn_htp"}
    assert _sqnr(expected, found) > LEAST_DB[target]


@pytest.mark.usefixtures("htp")
def test_the_judge_finds_the_decoder_right(chip: zif.Target) -> None:
    made = zif.load(decoder(32, True), target=chip.name, policy="power", cache=False, verify="units")
    with made as session:
        assert _on(session.plan, "MatMulNBits") == {"qnn_htp"}
        assert not [event for event in session.events if event.kind == "replan"]


def test_every_value_of_the_decoder_is_known() -> None:
    model = zif.Model.load(decoder(32, False))
    assert all(info.static and info.dtype for info in model.tensors.values())
    known = onnx.shape_inference.infer_shapes(decoder(32, False, in_float=True), strict_mode=True, data_prop=True).graph
    dims = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in known.value_info}
    assert {name: model.tensors[name].shape for name in dims} == dims


def _on(plan: Any, op_type: str) -> set[str]:
    return {unit.backend for unit in plan.units if unit.op_type == op_type}


def _sqnr(expected: Any, found: Any) -> float:
    error = np.square(expected - found).sum()
    return float(10 * np.log10(np.square(expected).sum() / error)) if error else np.inf
