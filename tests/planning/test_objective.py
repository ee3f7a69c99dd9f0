from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.problems import any_labels, chain, naive_cost, problems
from zif.planning.placement import Problem, evaluate, segments, transfers

seeds = st.integers(0, 2**32)


@settings(deadline=None)
@given(problems(most=12), seeds)
def test_the_price_is_what_the_definition_says(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    cost = evaluate(problem, labels)
    units, transfer = naive_cost(problem, labels)
    found = segments(problem, labels)
    launch = sum(problem.launch[labels[found == number][0]] for number in range(found.max() + 1))
    assert cost.units == pytest.approx(units)
    assert cost.transfer == pytest.approx(transfer)
    assert cost.launch == pytest.approx(launch)
    assert cost.total == pytest.approx(units + transfer + launch)
    assert cost.segments == found.max() + 1
    moved = transfers(problem, labels)
    assert cost.transfer == pytest.approx(moved.cost.sum())
    assert cost.transfer_bytes == pytest.approx(moved.nbytes.sum())
    assert cost.crossings == len(moved.tensor)


def test_backends_at_home_on_the_host_share_what_reaches_it() -> None:
    # npu makes a tensor that cpu, reference and the host all need: it is moved once, and named for the lowest label.
    away = np.array([1.0, 0.0, 0.0, 0.0])
    links = (away[:, None] + away) * 3.0
    np.fill_diagonal(links, 0.0)
    tensors = [(0, [1, 2], True, 5.0)]
    problem = Problem.build(["npu", "cpu", "reference"], np.ones((3, 3)), tensors, links, 0 * links, [0, 0, 0])
    moved = transfers(problem, np.array([0, 2, 1], dtype=np.int32))
    assert moved.cost.tolist() == [3.0]
    assert (moved.source.tolist(), moved.target.tolist()) == ([0], [1])
    only_host = transfers(problem, np.array([0, 0, 0], dtype=np.int32))
    assert (only_host.target.tolist(), only_host.cost.tolist()) == ([3], [3.0])


def test_a_tensor_is_paid_once_per_receiving_place_and_bytes_count() -> None:
    links = np.array([[0, 1, 2], [10, 0, 20], [100, 200, 0]], dtype=float)
    tensors = [(-1, [0, 1, 2], False, 7.0), (0, [1, 2, 2], True, 4.0)]
    problem = Problem.build("ab", np.zeros((3, 2)), tensors, links, links / 10, [0, 0])
    cost = evaluate(problem, np.array([0, 1, 1], dtype=np.int32))
    from_host = (100 + 10 * 7) + (200 + 20 * 7)
    from_a = (1 + 0.1 * 4) + (2 + 0.2 * 4)
    assert cost.transfer == pytest.approx(from_host + from_a)
    assert (cost.crossings, cost.transfer_bytes) == (4, 22.0)


def test_what_is_not_allowed_costs_infinitely_much() -> None:
    problem = chain([[np.inf, 1.0], [1.0, 1.0]], [0, 0])
    assert evaluate(problem, np.array([0, 0], dtype=np.int32)).total == np.inf
    assert np.isfinite(evaluate(problem, np.array([1, 0], dtype=np.int32)).total)
