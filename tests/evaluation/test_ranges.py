"""`validate_quantization_range`: the tutorial's function, its sign said, its scale checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zif
from hypothesis import given
from hypothesis import strategies as st

DATA = np.linspace(-1, 3, 1000)
SCALE, ZERO = 4 / 255, 64


def test_an_encoding_that_fits_loses_a_twelfth_of_a_step_squared() -> None:
    found = zif.validate_quantization_range(DATA, SCALE, ZERO)
    assert found
    assert found.mse == pytest.approx(SCALE**2 / 12, rel=0.05)
    assert (found.low, found.high) == pytest.approx((-64 * SCALE, 191 * SCALE))


def test_qnn_writes_the_offset_with_the_other_sign() -> None:
    ours = zif.validate_quantization_range(DATA, SCALE, ZERO)
    assert zif.validate_quantization_range(DATA, SCALE, -ZERO, convention="qnn") == ours
    with pytest.raises(zif.UsageError, match="would fit convention='qnn'"):
        zif.validate_quantization_range(DATA, SCALE, -ZERO)


def test_a_range_that_is_too_small_clips_and_fails() -> None:
    found = zif.validate_quantization_range(DATA, SCALE / 4, ZERO, threshold=1e-3)
    assert not found
    assert found.clipped == pytest.approx(0.75, abs=0.01)


def test_the_threshold_decides() -> None:
    mse = zif.validate_quantization_range(DATA, SCALE, ZERO).mse
    assert zif.validate_quantization_range(DATA, SCALE, ZERO, threshold=mse * 1.01).within
    assert not zif.validate_quantization_range(DATA, SCALE, ZERO, threshold=mse).within


@pytest.mark.parametrize("scale", [0.0, -0.1, float("nan"), float("inf"), 1e-39, 3.41e38, 1e39])
def test_a_bad_scale_is_refused(scale: float) -> None:
    with pytest.raises(zif.UsageError, match="scale"):
        zif.validate_quantization_range(DATA, scale, ZERO)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"offset": 256}, "0 to 255"),
        ({"offset": 1.5}, "whole"),
        ({"bitwidth": 1}, "bitwidth"),
        ({"threshold": -1.0}, "threshold"),
        ({"data": []}, "no data"),
        ({"data": [1.0, float("nan")]}, "1 of 2"),
        ({"convention": "other"}, "zero_point or qnn"),
        ({"data": [1 + 2j]}, "complex"),
        ({"data": "abc"}, "no numbers"),
        ({"data": [[1.0], [1.0, 2.0]]}, "no numbers"),
        ({"data": None}, "not finite|no numbers"),
        ({"scale": "a"}, "scale 'a': must be a number"),
        ({"scale": None}, "scale None: must be a number"),
        ({"offset": "a"}, "offset 'a': must be a number"),
        ({"offset": float("nan")}, "whole"),
        ({"bitwidth": 7.5}, "bitwidth 7.5: must be a whole"),
        ({"bitwidth": "many"}, "bitwidth 'many'"),
        ({"threshold": "low"}, "threshold 'low'"),
    ],
)
def test_bad_input_is_one_sentence(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(zif.UsageError, match=said):
        zif.validate_quantization_range(**{"data": DATA, "scale": SCALE, "offset": ZERO, **changed})


def test_the_largest_float32_is_a_scale() -> None:
    assert zif.validate_quantization_range([0.0], float(np.finfo(np.float32).max), 0)


@given(st.integers(2, 16), st.floats(1e-6, 1e6), st.integers(0, 3))
def test_what_lies_on_the_grid_is_exact(bits: int, scale: float, zero: int) -> None:
    grid = (np.arange(2 ** min(bits, 10)) - zero) * scale
    found = zif.validate_quantization_range(grid, scale, zero, bits)
    assert found.mse <= (scale * 1e-6) ** 2
    assert found.clipped == 0
