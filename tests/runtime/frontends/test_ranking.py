"""Rows of equal scores are held against each other as a set, and every other row in its order."""

from __future__ import annotations

import numpy as np
import pytest
from zif.runtime.frontends.ranking import aligned

ROWS = 30


def found(seed: int = 0) -> dict[str, np.ndarray]:
    """A detector's rows: boxes, scores from high to low, classes; the third to the sixth score are equal."""
    source = np.random.default_rng(seed)
    scores = np.sort(source.uniform(0, 1, ROWS))[::-1].astype(np.float32)
    scores[2:6] = scores[2]
    return {
        "boxes": source.uniform(0, 320, (ROWS, 4)).astype(np.float32),
        "scores": scores,
        "classes": source.integers(0, 9, ROWS),
    }


def swapped(right: dict[str, np.ndarray], *pairs: tuple[int, int]) -> dict[str, np.ndarray]:
    order = np.arange(ROWS)
    for left, other in pairs:
        order[[left, other]] = order[[other, left]]
    return {name: value if name == "scores" else value[order] for name, value in right.items()}


def same(right: dict[str, np.ndarray], made: dict[str, np.ndarray]) -> bool:
    return all((made[name] == value).all() for name, value in right.items())


def test_rows_of_equal_scores_may_stand_in_any_order() -> None:
    right = found()
    made, moved = aligned(right, swapped(right, (2, 5), (3, 4)))
    assert same(right, made)
    assert moved == 4


def test_so_may_rows_whose_scores_differ_in_their_last_place() -> None:
    right = found()
    right["scores"][11] = np.nextafter(right["scores"][10], np.float32(0))
    made = swapped(right, (10, 11))
    made["scores"] = right["scores"].copy()
    made["scores"][10:12] = right["scores"][11]
    made, moved = aligned(right, made)
    assert moved == 2
    assert (made["boxes"] == right["boxes"]).all()


@pytest.mark.parametrize("pairs", [[(10, 20)], [(2, 20)], [(0, ROWS - 1)]])
def test_rows_of_other_scores_may_not(pairs: list[tuple[int, int]]) -> None:
    right = found()
    made, _ = aligned(right, swapped(right, *pairs))
    assert not same(right, made)


def test_a_row_that_the_source_does_not_have_stays_wrong() -> None:
    right = found()
    made = {name: value.copy() for name, value in right.items()}
    made["boxes"][3] += 5
    assert not same(right, aligned(right, made)[0])


def test_other_scores_stay_wrong_however_rows_are_put() -> None:
    right = found()
    made = swapped(right, (2, 5))
    made["scores"] = right["scores"] * np.float32(0.9)
    assert aligned(right, made) == (made, 0)


def test_scores_may_be_a_column_and_rows_of_several_pictures() -> None:
    pictures = [found(seed) for seed in (1, 2)]

    def table(one: dict[str, np.ndarray]) -> np.ndarray:
        return np.concatenate((one["boxes"], one["scores"][:, None], one["classes"][:, None]), 1)

    right = np.stack([table(one) for one in pictures])
    made = np.stack([table(swapped(one, pair)) for one, pair in zip(pictures, ((2, 4), (3, 5)), strict=True)])
    aligned_rows, moved = aligned({"rows": right}, {"rows": made})
    assert (aligned_rows["rows"] == right).all()
    assert moved == 4


def test_nothing_found_is_nothing_to_order() -> None:
    nothing = {name: value[:0] for name, value in found().items()}
    assert aligned(nothing, dict(nothing)) == (nothing, 0)
    beside = {**found(), "masks": np.zeros((ROWS, 0, 4), np.float32)}
    assert aligned(beside, {**swapped(found(), (2, 5)), "masks": beside["masks"]})[1] == 2


def test_what_has_no_scores_is_left_as_it_is() -> None:
    values = np.random.default_rng(0).standard_normal((ROWS, 4))
    made = {"y": values[::-1]}
    assert aligned({"y": values}, made) == (made, 0)
