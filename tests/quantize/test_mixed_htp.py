"""Automatic mixed precision on the NPU's own arithmetic, as Qualcomm's emulator computes it."""

from __future__ import annotations

from typing import Any

import pytest
import zif
from transformer import sentences, transformer
from zif_quantize import calibrate, prepare
from zif_quantize.search.goal import AccuracyGoal
from zif_quantize.search.mixed import Mixed, mixed_precision
from zoo import entry
from zoo.calibration import feeds

CHIP = "snapdragon-8-gen-3"
#: What all w8a8 misses by 8 dB and all w8a16 reaches, on the network below.
MOBILENET_DB = 55.0


def searched(model: zif.Model, data: list[Any], held: list[Any], goal: float, **options: Any) -> Mixed:
    ranges = calibrate(model, data)
    return mixed_precision(model, ranges, held, AccuracyGoal(goal), target=CHIP, only=["qnn_htp"], **options)


@pytest.mark.slow
def test_a_transformer_needs_few_units_at_16_bits() -> None:
    model, data = prepare(transformer(), target=CHIP), sentences(14)
    found = searched(model, data[:12], data[12:], 26.0, cost="bitops")
    eight, sixteen = found.uniform("w8a8"), found.uniform("w8a16")
    assert eight is not None
    assert sixteen is not None
    assert eight.sqnr_db < 26 <= min(found.chosen.sqnr_db, sixteen.sqnr_db)
    assert found.chosen.backends == ("qnn_htp",)
    assert 0 < found.chosen.counts["w8a16"] < sixteen.counts["w8a16"] / 2


@pytest.mark.slow
def test_a_mobilenet_needs_few_units_at_16_bits() -> None:
    """PP-OCR's orientation classifier is a MobileNetV3; its lines are real. The cost is the plan's latency."""
    known = entry("ppocr-cls")
    model, data = prepare(known.path, known.shapes, target=CHIP), feeds(known, lambda _: {})
    held = [dict(known.inputs()), *data[-2:]]
    found = searched(model, data[:-2], held, MOBILENET_DB, most=30, levels=("w8a8", "w8a16"))
    eight, sixteen = found.uniform("w8a8"), found.uniform("w8a16")
    assert eight is not None
    assert sixteen is not None
    assert eight.sqnr_db < MOBILENET_DB <= min(found.chosen.sqnr_db, sixteen.sqnr_db)
    assert eight.cost < found.chosen.cost < sixteen.cost
    assert 0 < found.chosen.counts["w8a16"] < sixteen.counts["w8a16"] / 4
