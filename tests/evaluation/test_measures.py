"""The figures: what they are on pairs whose distance is known, and what no order of samples may change."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from zif.evaluation.comparison import Figures, Tally

NUMBERS = st.floats(-100, 100, width=32)


def figures(*pairs: tuple[object, object], scores: bool = False) -> Figures:
    tally = Tally(scores)
    for a, b in pairs:
        tally.add(np.asarray(a), np.asarray(b))
    return tally.figures()


def test_sqnr_is_ten_times_the_logarithm_of_the_energies() -> None:
    found = figures(([[3.0, 4.0]], [[3.0, 4.5]]))
    assert found.sqnr_db == pytest.approx(10 * math.log10(25 / 0.25))
    assert found.cosine == pytest.approx((9 + 18) / (5 * math.hypot(3, 4.5)))
    assert found.max_abs == pytest.approx(0.5)
    assert found.values == 2


def test_equal_is_infinite_and_silence_is_minus_infinite() -> None:
    assert figures(([1.0], [1.0])).sqnr_db == math.inf
    assert figures(([0.0], [1.0])).sqnr_db == -math.inf
    assert figures(([0.0], [1.0])).cosine is None


@given(hnp.arrays(np.float32, (3, 4), elements=NUMBERS), hnp.arrays(np.float32, (3, 4), elements=NUMBERS))
def test_samples_one_by_one_are_as_one(a: np.ndarray, b: np.ndarray) -> None:
    together, apart = figures((a, b)), figures(*zip(a, b, strict=True))
    assert together.sqnr_db == pytest.approx(apart.sqnr_db, abs=1e-6)
    assert together.cosine == pytest.approx(apart.cosine, abs=1e-9)
    assert (together.max_abs, together.values) == (apart.max_abs, apart.values)


@given(hnp.arrays(np.float32, (8,), elements=NUMBERS), st.floats(0.125, 8))
def test_scaling_both_changes_no_ratio(a: np.ndarray, factor: float) -> None:
    b = np.round(a)
    scaled = figures((np.float64(a) * factor, np.float64(b) * factor))
    assert figures((a, b)).sqnr_db == pytest.approx(scaled.sqnr_db, rel=1e-6)


def test_what_is_finite_on_one_side_only_is_counted_apart_and_never_exact() -> None:
    found = figures(([1.0, np.nan, np.inf, np.nan, 2.0], [1.0, np.nan, np.inf, 3.0, np.inf]))
    assert (found.not_finite, found.sqnr_db, found.max_abs) == (2, -math.inf, 0.0)
    assert figures(([np.nan, np.inf], [np.nan, np.inf])).sqnr_db == math.inf


def test_top_1_is_of_rows_with_the_same_best_class() -> None:
    a = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)
    assert figures((a, a[:, ::-1]), scores=True).agreement == 0.0
    assert figures((a, [[0.1, 0.9], [0.8, 1.2]]), scores=True).agreement == 0.5
    assert figures((a, a)).agreement is None


def test_maps_of_pixels_have_no_class_and_probabilities_of_any_rank_do() -> None:
    maps = np.random.default_rng(0).standard_normal((1, 2, 5, 5))
    assert figures((maps, maps), scores=True).agreement is None
    rows = np.exp(maps) / np.exp(maps).sum(-1, keepdims=True)
    assert figures((rows, rows), scores=True).agreement == 1.0


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.uint8])
def test_integers_agree_or_not(dtype: type) -> None:
    found = figures((np.array([0, 1, 1, 0], dtype), np.array([0, 1, 0, 0], dtype)))
    assert found == Figures(None, None, None, 0.75, 0, 4)


def test_text_agrees_or_not() -> None:
    assert figures((np.array(["a", "b"], object), np.array(["a", "c"], object))).agreement == 0.5


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_floats_of_every_width(dtype: type) -> None:
    found = figures((np.array([1.0, 2.0], dtype), np.array([1.0, 2.5], np.float32)))
    assert found.sqnr_db == pytest.approx(10 * math.log10(5 / 0.25))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="2.*3"):
        figures((np.zeros(2), np.zeros(3)))
