from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.problems import any_labels, chain, cheapest_schedule, edges, feasible, problems
from zif.planning.placement import PlacementError, Problem, segments

seeds = st.integers(0, 2**32)


def check(problem: Problem, labels: np.ndarray, found: np.ndarray) -> None:
    """One label per segment, numbered without gaps in an order that can be run, and convex by the definition."""
    assert found.shape == labels.shape
    assert found.dtype == np.int32
    assert set(found.tolist()) == set(range(found.max(initial=-1) + 1))
    reach: list[set[int]] = [set() for _ in range(problem.n)]
    for maker, reader in sorted(edges(problem), reverse=True):
        assert found[maker] <= found[reader]
        reach[maker] |= {reader} | reach[reader]
    for segment in range(found.max(initial=-1) + 1):
        inside = set(np.flatnonzero(found == segment).tolist())
        assert len({int(labels[unit]) for unit in inside}) == 1
        leaving = set().union(*(reach[unit] for unit in inside)) - inside
        assert not any(reach[unit] & inside for unit in leaving), "a path leaves the segment and comes back"


@settings(deadline=None)
@given(problems(most=14), seeds)
def test_segments_are_convex_and_in_an_order_that_can_be_run(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    check(problem, labels, segments(problem, labels))


@settings(deadline=None)
@given(problems(k=2, most=9), seeds)
def test_with_two_backends_launches_and_then_segments_are_as_few_as_can_be(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    found = segments(problem, labels)
    cost = sum(problem.launch[labels[found == segment][0]] for segment in range(found.max() + 1))
    assert (pytest.approx(cost), found.max() + 1) == cheapest_schedule(problem, labels)


@settings(deadline=None)
@given(problems(k=3, most=9), seeds)
def test_with_three_backends_segments_are_never_fewer_than_possible(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    found = segments(problem, labels)
    cost = sum(problem.launch[labels[found == segment][0]] for segment in range(found.max() + 1))
    assert cost >= cheapest_schedule(problem, labels)[0] - 1e-9


def test_with_three_backends_schedules_are_close_to_the_fewest() -> None:
    """Measured 1.026; turning to any backend with something ready, instead of looking ahead, gives 1.107."""
    rng = np.random.default_rng(0)
    found, least = 0, 0
    for _ in range(40):
        n = 14
        tensors = [(u, [v for v in range(u + 1, n) if rng.random() < 0.25], False, 1.0) for u in range(n)]
        links = np.zeros((4, 4))
        problem = Problem.build("abc", np.ones((n, 3)), tensors, links, links, [1.0, 1.0, 1.0])
        labels = rng.integers(0, 3, n).astype(np.int32)
        found += segments(problem, labels).max() + 1
        least += cheapest_schedule(problem, labels)[1]
    assert found <= 1.05 * least


@settings(deadline=None)
@given(problems(most=10, grouped=True).filter(feasible), seeds)
def test_groups_are_in_one_segment(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    found = segments(problem, labels)
    check(problem, labels, found)
    assert problem.groups is not None
    for group in set(problem.groups.tolist()) - {-1}:
        assert len(set(found[problem.groups == group].tolist())) == 1


def test_a_group_is_not_cut_by_a_branch_beside_it() -> None:
    # 0 (a) -> 1 (b) -> 2 (a), and 0 -> 3 (a) -> 4 (a): without the group, 0, 3 and 4 could run before 1.
    tensors = [(0, [1, 3], False, 1.0), (1, [2], False, 1.0), (3, [4], False, 1.0), (2, [4], False, 1.0)]
    tensors = [(0, [1, 2], False, 1.0), (1, [3], False, 1.0), (2, [4], False, 1.0), (3, [4], False, 1.0)]
    links = np.zeros((3, 3))
    labels = np.array([0, 1, 0, 0, 0], dtype=np.int32)
    loose = Problem.build("ab", np.ones((5, 2)), tensors, links, links, [1, 1])
    assert len(set(segments(loose, labels)[[2, 4]])) == 2
    tied = Problem.build("ab", np.ones((5, 2)), tensors, links, links, [1, 1], groups=[-1, -1, 5, -1, 5])
    found = segments(tied, labels)
    assert len(set(found[[2, 4]])) == 1
    check(tied, labels, found)


def test_the_backend_that_is_dear_to_start_gets_the_fewer_segments() -> None:
    # Two independent pairs, a -> b and b -> a: three segments either way, one or two of them on the dear backend.
    tensors = [(0, [1], False, 1.0), (2, [3], False, 1.0)]
    links = np.zeros((3, 3))
    labels = np.array([0, 1, 1, 0], dtype=np.int32)
    for launch, twice in (([1.0, 9.0], 0), ([9.0, 1.0], 1)):
        problem = Problem.build("ab", np.ones((4, 2)), tensors, links, links, launch)
        found = segments(problem, labels)
        assert found.max() == 2
        assert len(set(found[labels == twice])) == 2


def test_a_long_chain_and_what_is_refused() -> None:
    problem = chain(np.ones((100_000, 2)), [1.0, 1.0])
    labels = (np.arange(100_000) % 2).astype(np.int32)
    assert (segments(problem, labels) == np.arange(100_000)).all()
    small = chain(np.ones((3, 2)), [1.0, 1.0], groups=[4, 4, -1])
    for wrong in ([0, 0], [0, 0, 2], [0, 0, -1], [0, 1, 1]):
        with pytest.raises(PlacementError):
            segments(small, np.array(wrong, dtype=np.int32))


def test_no_units() -> None:
    problem = Problem.build("ab", np.zeros((0, 2)), [], np.zeros((3, 3)), np.zeros((3, 3)), [0, 0])
    assert segments(problem, np.zeros(0, dtype=np.int32)).shape == (0,)
