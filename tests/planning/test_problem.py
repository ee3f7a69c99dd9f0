from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.problems import any_labels, chain, feasible, problems
from zif.planning.placement import PlacementError, Problem, evaluate, solve

GOOD = chain(np.ones((3, 2)), [1.0, 0.0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"costs": np.ones((3, 3))}, "costs has shape"),
        ({"launch": [1.0]}, "launch has shape"),
        ({"link_fixed": np.zeros((2, 2))}, "link_fixed has shape"),
        ({"groups": [0, 0]}, "groups has shape"),
        ({"consumer_ptr": [0, 1, 2, 3, 9]}, "consumer_ptr"),
        ({"costs": -np.ones((3, 2))}, "costs holds a negative"),
        ({"costs": np.full((3, 2), np.nan)}, "costs holds a negative"),
        ({"nbytes": [1, 1, np.inf, 1]}, "nbytes holds"),
        ({"launch": [np.inf, 0.0]}, "launch holds"),
        ({"link_fixed": np.ones((3, 3))}, "diagonals"),
        ({"producer": [-1, 0, 1, 3]}, "does not exist"),
        ({"producer": [-1, 0, 2, 2]}, "unit 2 reads"),
        ({"consumer_idx": [0, 1, 7]}, "does not exist"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(PlacementError, match=words):
        evolve(GOOD, **change)


def test_no_backend_is_refused() -> None:
    with pytest.raises(PlacementError, match="at least one backend"):
        Problem.build([], np.zeros((0, 1)), [], np.zeros((1, 1)), np.zeros((1, 1)), [])


def test_labels_share_a_place_when_all_links_are_equal() -> None:
    links = np.array([[0, 3, 3, 9], [3, 0, 0, 9], [3, 0, 0, 9], [9, 9, 9, 0]], dtype=float)
    problem = Problem.build("abc", np.ones((1, 3)), [], links, 0 * links, [0, 0, 0])
    place = problem.location
    assert place[1] == place[2]
    assert len({place[0], place[1], place[3]}) == 3
    # Free one way only: not the same place.
    oneway = np.array([[0.0, 0.0], [5.0, 0.0]])
    assert len(set(Problem.build("a", np.ones((1, 1)), [], oneway, 0 * oneway, [0]).location)) == 2


@settings(deadline=None)
@given(problems(most=10, grouped=True).filter(feasible), st.integers(0, 2**32))
def test_a_problem_with_its_groups_merged_costs_the_same(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    whole, member = problem.whole
    merged = np.zeros(whole.n, dtype=np.int32)
    merged[member] = labels
    ours, theirs = evaluate(problem, labels), evaluate(whole, merged)
    assert ours.total == pytest.approx(theirs.total)
    assert (ours.segments, ours.crossings, ours.transfer_bytes) == (
        theirs.segments,
        theirs.crossings,
        theirs.transfer_bytes,
    )


def test_groups_that_wait_for_each_other_are_named() -> None:
    problem = chain(np.ones((4, 2)), [1.0, 0.0], groups=[3, 8, 3, 8])
    with pytest.raises(PlacementError, match=r"groups \[3, 8\]"):
        solve(problem)
    with pytest.raises(PlacementError, match=r"groups \[3\]"):
        solve(chain(np.ones((3, 2)), [1.0, 0.0], groups=[3, -1, 3]))


def test_a_group_in_the_wrong_order_of_units_is_sorted() -> None:
    # Units 0 and 3 form a group, 1 comes before it, 2 after it.
    tensors = [(0, [2], False, 1.0), (1, [3], False, 1.0)]
    links = np.zeros((3, 3))
    problem = Problem.build("ab", np.ones((4, 2)), tensors, links, links, [0, 0], groups=[0, -1, -1, 0])
    _, member = problem.whole
    assert member[1] < member[0] == member[3] < member[2]
