"""Rockchip's chips as targets, and the options that go with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import zif
import zif_rockchip
from zif.plugin import build_options
from zif_rockchip.chips import Chip, NoChip, artifact_label, chip_of
from zif_rockchip.options import RknnOptions

CHIPS = Path(zif_rockchip.__file__).with_name("chips.json")


@pytest.fixture(autouse=True)
def _targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZIF_TARGETS", str(CHIPS))


@pytest.mark.parametrize(
    "name", ["rk3562", "rk3566", "rk3568", "rk3576", "rk3588", "rv1126b", "rv1103", "rv1103b", "rv1106", "rv1106b"]
)
def test_every_chip_says_where_its_figures_come_from(name: str) -> None:
    target = zif.target(name)
    chip = chip_of(target)
    assert isinstance(chip, Chip)
    assert chip.platform == name
    assert chip.mhz
    assert artifact_label(target) == f"rknn-{name}"
    assert {f"rockchip.{figure}" for figure in target.vendor["rockchip"]} <= set(target.sources)
    assert chip.fp16 == ("fp16" in target.processors["npu"].macs_per_s)


def test_no_chip_is_one_sentence_and_a_stand_in_is_told() -> None:
    assert isinstance(chip_of(zif.Target("other", "Another chip")), NoChip)
    assert "DEFAULT" not in repr(chip_of(zif.Target("host")))
    stand_in = chip_of(zif.Target("host"))
    assert isinstance(stand_in, Chip)
    assert stand_in.remark == "no chip was named: compiles for Rockchip RK3588"
    wrong = chip_of(zif.Target("odd", "Odd", vendor={"rockchip": {"platform": "rk3588", "npu_mhz": "fast"}}))
    assert isinstance(wrong, NoChip)
    assert "npu_mhz must be a whole number from 1 up, not 'fast'" in wrong.reason


def test_options_are_typed_and_checked() -> None:
    made = build_options(RknnOptions, {"core_mask": "0_1", "optimization_level": "2"}, "rknn")
    assert (made.core_mask, made.optimization_level) == ("0_1", 2)
    with pytest.raises(zif.UsageError, match="possible: 0, 1, 2, 3"):
        build_options(RknnOptions, {"optimization_level": 9}, "rknn")
    with pytest.raises(ValueError, match="core_mask 0_1_2: Rockchip RK3568 has 1 cores"):
        RknnOptions(core_mask="0_1_2").remarks(zif.target("rk3568"), "hardware")
    assert RknnOptions(core_mask="0").remarks(zif.target("rk3588"), "emulator") == (
        "core_mask 0 has no effect in the simulator",
    )
    assert RknnOptions(single_core_mode=True).remarks(zif.target("rk3568"), "hardware")
    assert RknnOptions(precision_mode="int8").precisions == ("int8",)
