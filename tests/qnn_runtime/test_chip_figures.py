"""Qualcomm's figures of a target: typed, and refused by the chip's and the figure's name."""

from __future__ import annotations

import pytest
import zif
from chips import snapdragon
from zif import Target, UsageError
from zif_qnn_runtime import Figures, figures, needed


def test_figures_of_a_known_chip_of_another_vendors_and_of_none() -> None:
    assert figures(zif.target("sm8650")) == Figures(75, 57, 8, htp_fp16=True)
    assert figures(Target("x", vendor={"acme": {"htp_arch": 1}})) == figures(Target("host")) == Figures()
    assert figures(snapdragon("x", htp_arch=73, dsp="cdsp")) == Figures(73)


def test_a_missing_figure_is_named_with_its_chip_and_its_place() -> None:
    with pytest.raises(UsageError, match=r"My board: its soc_model is not known; add it under vendor\.qualcomm"):
        needed(snapdragon("mb", "My board", htp_arch=73), "htp_arch", "soc_model")
    assert needed(snapdragon("mb", htp_arch=73), "htp_arch").htp_arch == 73


@pytest.mark.parametrize("value", ["57", 5.7, True, 0, -1, None, [57]])
def test_an_impossible_figure_is_named_with_its_chip(value: object) -> None:
    with pytest.raises(UsageError, match=r"mb: vendor\.qualcomm\.soc_model must be a whole number from 1 up, not"):
        figures(snapdragon("mb", soc_model=value))
    with pytest.raises(UsageError, match="htp_fp16 must be true or false"):
        figures(snapdragon("mb", htp_fp16="yes"))
