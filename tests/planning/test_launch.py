from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.problems import any_labels, chain, problems
from zif.planning.placement import Problem, evaluate
from zif.planning.placement.launch import Charges, critical_charges, even_charges

seeds = st.integers(0, 2**32)


def check_flow(problem: Problem, charges: Charges, label: int) -> None:
    """What begins is the launch cost, and no unit passes on more than it gets: a mixture of paths."""
    maker, reader = problem.graph.links
    assert charges.start[label].sum() == pytest.approx(problem.launch[label])
    arrives = charges.start[label] + np.bincount(reader, charges.link[label], problem.n)
    leaves = np.bincount(maker, charges.link[label], problem.n)
    assert (leaves <= arrives + 1e-9).all()


@settings(deadline=None, max_examples=300)
@given(problems(most=12), seeds, seeds)
def test_charges_never_exceed_the_launch_cost_of_any_placement(problem: Problem, one: int, other: int) -> None:
    labels = any_labels(problem, one)
    launch = evaluate(problem, labels).launch
    even, critical = even_charges(problem), critical_charges(problem, any_labels(problem, other))
    for charges in (even, critical, even.mixed(critical, 0.3)):
        assert charges.cost(problem, labels) <= launch + 1e-9


@settings(deadline=None)
@given(problems(most=12), seeds)
def test_charges_are_mixtures_of_paths(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    for label in range(problem.k):
        check_flow(problem, even_charges(problem), label)
        if (labels == label).any():
            check_flow(problem, critical_charges(problem, labels), label)


@settings(deadline=None)
@given(problems(k=2, most=12), seeds)
def test_critical_charges_hold_all_runs_of_each_backend(problem: Problem, seed: int) -> None:
    """With one backend that costs to launch, the launch cost is reached exactly by the charges on its own paths."""
    labels = any_labels(problem, seed)
    launch = evaluate(problem, labels).launch
    if np.count_nonzero(problem.launch) == 1:
        assert critical_charges(problem, labels).cost(problem, labels) == pytest.approx(launch)


def test_on_a_chain_the_charges_are_the_launch_cost() -> None:
    problem = chain(np.ones((9, 3)), [7.0, 11.0, 2.0])
    labels = np.array([0, 0, 1, 2, 2, 0, 1, 1, 0], dtype=np.int32)
    for charges in (even_charges(problem), critical_charges(problem, labels)):
        assert charges.cost(problem, labels) == pytest.approx(3 * 7 + 2 * 11 + 2) == evaluate(problem, labels).launch
