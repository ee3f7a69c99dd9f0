"""What float32 cannot hold beside the largest value is no mistake of a backend's; anything larger is."""

from __future__ import annotations

import numpy as np
import pytest
from zif.testing.tolerance import within_noise

LARGE = np.array([1900.0, 1e-5, -3.0], np.float32)


@pytest.mark.parametrize(("off", "noise"), [(8e-5, True), (1e-3, True), (5e-3, False), (1.0, False)])
def test_the_scale_is_the_largest_value(off: float, noise: bool) -> None:
    have = LARGE.copy()
    have[1] += off
    assert within_noise([LARGE], [have]) is noise


def test_small_values_are_held_to_what_they_are() -> None:
    assert not within_noise([LARGE[1:2]], [LARGE[1:2] + np.float32(8e-5)])


@pytest.mark.parametrize(
    ("want", "have"),
    [
        (np.array([1, 2]), np.array([1, 3])),
        (np.array([1.0, np.nan], np.float32), np.array([1.0, 2.0], np.float32)),
        (np.array([1.0, np.inf], np.float32), np.array([1.0, -np.inf], np.float32)),
        (np.array([1.0], np.float32), np.array([1.0], np.float64)),
        (np.array([1.0], np.float32), np.array([[1.0]], np.float32)),
        (None, np.array([1.0], np.float32)),
    ],
)
def test_what_is_no_rounding_is_no_noise(want: object, have: object) -> None:
    assert not within_noise([want], [have])


def test_half_a_step_of_fp16_is_noise_and_two_are_not() -> None:
    want = np.array([1.0, 0.25], np.float16)
    step = np.float16(2**-10)
    assert within_noise([want], [want + np.array([0, step / 2], np.float16)])
    assert not within_noise([want], [want + np.array([0, 2 * step], np.float16)])


def test_no_shipped_table_bars_an_operator_for_noise() -> None:
    """A synthesizer of 3,600 nodes ended in one STFT that was off by 8e-5 where values reach 1,900."""
    import re

    import zif

    for name in ("qnn_cpu", "reference"):
        table = zif.backend(name).observations
        assert table is not None
        for rule in table.rules:
            if rule.code == "precision" and (
                said := re.search(r"off by (\S+) where values reach (\S+)\)", rule.reason)
            ):
                assert float(said[1]) / float(said[2]) > 8 * np.finfo(np.float32).eps, rule
