"""The figures of a chip are those of Qualcomm's own arithmetic: its emulator ran, inner tensors included."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import zif
from evaluation.nets import INNER, X, floats, quantized
from zif.evaluation.comparison import side, taps

#: So small a model would be placed on the chip's CPU.
NPU = "@snapdragon-8-gen-3,qnn_htp"
FEED = {"x": X}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    onnx.save(floats(), tmp_path / "a.onnx")
    onnx.save(quantized("h2"), tmp_path / "b.onnx")
    return tmp_path


def test_inner_tensors_are_read_on_the_chip(saved: Path) -> None:
    found = zif.compare(f"{saved}/a.onnx", f"{saved}/b.onnx{NPU}", FEED)
    assert (found.b.backends, found.b.emulated) == (("qnn_htp",), ("qnn_htp",))
    assert [one.name for one in found.tensors] == ["x", *INNER]
    assert found.start == "h2"
    assert found.unobserved == {}


def test_observing_keeps_every_unit_where_it_was(saved: Path) -> None:
    """With so many outputs the planner would leave the NPU for the CPU; a comparison must not."""
    one = side(f"{saved}/b.onnx@snapdragon-8-gen-3")
    assert one.model is not None
    seen, names = taps.tapped(one.model, list(taps.taps(one.model).values()))
    with side(f"{saved}/b.onnx{NPU}").open() as session:
        plan = session.plan
        expected = session.run(FEED)["y"]
    with one.observed(seen, plan) as watched:
        assert {unit.backend for unit in watched.plan.units if unit.name in {u.name for u in plan.units}} == {"qnn_htp"}
        results = watched.run(FEED)
    assert set(names.values()) <= set(results)
    assert abs(results["y"] - expected).max() < 0.1


def test_the_chips_half_floats_are_nearer_than_its_eight_bits(saved: Path) -> None:
    half = zif.compare(f"{saved}/a.onnx@reference", f"{saved}/a.onnx{NPU}", FEED)
    eight = zif.compare(f"{saved}/a.onnx@reference", f"{saved}/b.onnx{NPU}", FEED)
    assert 45 < half.sqnr_db < 90
    assert eight.sqnr_db < half.sqnr_db - 10


def test_an_accelerator_that_the_plan_leaves_idle_is_told(saved: Path) -> None:
    """So small a model is cheapest on the chip's CPU: the figures are the CPU's, whatever the target is called."""
    found = zif.compare(f"{saved}/a.onnx", f"{saved}/b.onnx@snapdragon-8-gen-3", FEED)
    assert found.b.backends == ("qnn_cpu",)
    assert any("@snapdragon-8-gen-3,qnn_htp compares it" in note for note in found.notes)
    named = zif.compare(f"{saved}/a.onnx", f"{saved}/b.onnx{NPU}", FEED)
    assert named.notes == ()
