from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.problems import any_labels, chain, problems
from zif.planning.placement import Problem, evaluate
from zif.planning.placement.prune import prune


@settings(deadline=None)
@given(problems(most=10), st.integers(0, 2**32), st.integers(0, 30))
def test_never_dearer_always_allowed_within_budget(problem: Problem, seed: int, budget: int) -> None:
    labels = any_labels(problem, seed)
    found, spent = prune(problem, labels, budget)
    assert spent <= budget
    assert np.isfinite(problem.costs[np.arange(problem.n), found]).all()
    assert evaluate(problem, found).total <= evaluate(problem, labels).total
    if not spent:
        assert (found == labels).all()


def test_a_segment_that_does_not_pay_its_launch_is_given_up() -> None:
    problem = chain([[1.0, 4.0]] * 3 + [[9.0, 1.0]] * 3 + [[1.0, 4.0]] * 4, [10.0, 0.0], nbytes=0)
    found, _ = prune(problem, np.array([0] * 3 + [1] * 3 + [0] * 4, dtype=np.int32), 20)
    # 9 gained by the first three units, 12 by the last four, for 10 a launch.
    assert found.tolist() == [1] * 6 + [0] * 4


def test_what_the_other_backend_refuses_goes_to_a_third() -> None:
    costs = [[9.0, 1.0, 5.0]] * 4 + [[1.0, 2.0, 5.0]] * 2 + [[1.0, np.inf, 3.0]] + [[1.0, 2.0, 5.0]] * 2
    costs += [[9.0, 1.0, 5.0]] * 4
    problem = chain(costs, [50.0, 10.0, 0.0], nbytes=0)
    labels = np.array([1] * 4 + [0] * 5 + [1] * 4, dtype=np.int32)
    found, _ = prune(problem, labels, 20)
    assert found.tolist() == [1] * 6 + [2] + [1] * 6


def test_a_single_unit_that_promises_most_goes_first() -> None:
    problem = chain([[1.0, 1.0], [50.0, 1.0], [20.0, 1.0], [1.0, 1.0]], [0.0, 0.0], nbytes=0)
    found, spent = prune(problem, np.zeros(4, dtype=np.int32), 1)
    assert (found.tolist(), spent) == ([0, 1, 0, 0], 1)
