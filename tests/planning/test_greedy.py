from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from planning.problems import chain, feasible, problems
from zif.planning.placement import PlacementError, Problem, fastest_first, greedy, single

INF = np.inf


def test_every_unit_goes_to_the_first_backend_that_takes_it() -> None:
    problem = chain([[1, 2, 9], [INF, 2, 9], [INF, INF, 9], [1, INF, 9]], [0, 0, 0])
    assert greedy(problem).tolist() == [0, 1, 2, 0]
    assert greedy(problem, (2, 1, 0)).tolist() == [2, 2, 2, 2]
    assert greedy(problem, (1, 2)).tolist() == [1, 1, 2, 2]


def test_the_fastest_is_judged_on_what_it_takes() -> None:
    # b is fast on the little that it takes, c takes all and is slow, a takes much and is nearly the fastest.
    problem = chain([[10, INF, 50], [11, 10, 50], [10, INF, 60], [INF, INF, 5]], [0, 0, 0])
    assert fastest_first(problem) == (1, 0, 2)


def test_a_backend_that_takes_nothing_comes_last_and_ties_keep_the_order() -> None:
    assert fastest_first(chain([[INF, 3, 3], [INF, 3, 3]], [0, 0, 0])) == (1, 2, 0)
    assert fastest_first(chain([[0, 0], [0, 0]], [0, 0])) == (0, 1)


def test_a_priority_that_leaves_a_unit_out_is_refused_by_name() -> None:
    problem = chain([[1, 2], [INF, 2]], [0, 0])
    with pytest.raises(PlacementError, match=r"units \[1\] .*: b0"):
        greedy(problem, (0,))


def test_single() -> None:
    problem = chain([[1, 2], [INF, 2]], [0, 0])
    assert single(problem, 0) is None
    assert (single(problem, 1) == [1, 1]).all()


@settings(deadline=None)
@given(problems(most=10, grouped=True).filter(feasible))
def test_groups_stay_whole(problem: Problem) -> None:
    labels = greedy(problem)
    assert problem.groups is not None
    for group in set(problem.groups.tolist()) - {-1}:
        assert len(set(labels[problem.groups == group].tolist())) == 1
    assert np.isfinite(problem.costs[np.arange(problem.n), labels]).all()
