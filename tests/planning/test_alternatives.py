from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.problems import any_labels, chain, feasible, problems
from zif.planning.placement import Problem, alternatives, evaluate, explain_alternatives

seeds = st.integers(0, 2**32)


@settings(deadline=None, max_examples=200)
@given(problems(most=8, grouped=True).filter(feasible), seeds)
def test_units_and_transfers_are_what_moving_the_unit_with_its_group_changes(problem: Problem, seed: int) -> None:
    labels = any_labels(problem, seed)
    base, told = evaluate(problem, labels), explain_alternatives(problem, labels)
    _, member = problem.whole
    for unit in range(problem.n):
        for label in range(problem.k):
            moved = np.where(member == member[unit], np.int32(label), labels)
            after = evaluate(problem, moved)
            assert told.transfer[unit, label] == pytest.approx(after.transfer - base.transfer)
            if np.isfinite(after.units):
                assert told.units[unit, label] == pytest.approx(after.units - base.units)
            else:
                assert told.units[unit, label] == told.total[unit, label] == np.inf
    assert (alternatives(problem, labels)[np.arange(problem.n), labels] == 0).all()


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), seeds)
def test_on_a_chain_the_launches_are_exact_too(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = chain(rng.integers(1, 50, size=(n, k)), rng.integers(0, 90, size=k))
    labels = rng.integers(0, k, n).astype(np.int32)
    change, base = alternatives(problem, labels), evaluate(problem, labels).total
    for unit in range(n):
        for label in range(k):
            moved = labels.copy()
            moved[unit] = label
            assert change[unit, label] == pytest.approx(evaluate(problem, moved).total - base)


def test_no_units() -> None:
    problem = Problem.build("ab", np.zeros((0, 2)), [], np.zeros((3, 3)), np.zeros((3, 3)), [0, 0])
    assert alternatives(problem, np.zeros(0, dtype=np.int32)).shape == (0, 2)
