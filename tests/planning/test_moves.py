from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.problems import Labels, any_labels, every_labels, problems
from zif.planning.placement import Problem
from zif.planning.placement.expansion import charged_cost, expand
from zif.planning.placement.launch import Charges, critical_charges, even_charges
from zif.planning.placement.moves import best_move

seeds = st.integers(0, 2**32)


def some_charges(problem: Problem, seed: int) -> Charges:
    even = even_charges(problem)
    return even.mixed(critical_charges(problem, any_labels(problem, seed)), 0.6)


def charged(problem: Problem, labels: Labels, charges: Charges) -> float:
    return charged_cost(problem, labels, charges)


@settings(deadline=None, max_examples=200)
@given(problems(k=2, most=9), seeds)
def test_with_two_backends_the_move_finds_the_optimum(problem: Problem, seed: int) -> None:
    charges = some_charges(problem, seed)
    best = min(charged(problem, labels, charges) for labels in every_labels(problem))
    for start, target in ((0, 1), (1, 0)):
        moved, rounding = best_move(problem, np.full(problem.n, start, dtype=np.int32), target, charges)
        assert np.isfinite(problem.costs[np.arange(problem.n), moved]).all()
        assert charged(problem, moved, charges) <= best + rounding + 1e-9
        assert rounding < 1e-3


@settings(deadline=None, max_examples=200)
@given(problems(most=9), seeds, st.booleans())
def test_a_move_only_moves_to_its_target_and_never_makes_it_dearer(problem: Problem, seed: int, maker: bool) -> None:
    labels, charges = any_labels(problem, seed), some_charges(problem, seed + 1)
    before = charged(problem, labels, charges)
    for target in range(problem.k):
        moved, rounding = best_move(problem, labels, target, charges, favour_maker=maker)
        assert ((moved == labels) | (moved == target)).all()
        assert np.isfinite(problem.costs[np.arange(problem.n), moved]).all()
        assert charged(problem, moved, charges) <= before + rounding + 1e-9


@settings(deadline=None)
@given(problems(most=9), seeds)
def test_an_expansion_never_makes_it_dearer(problem: Problem, seed: int) -> None:
    labels, charges = any_labels(problem, seed), some_charges(problem, seed + 1)
    found = expand(problem, labels, charges, list(range(problem.k)) * 2)
    assert np.isfinite(problem.costs[np.arange(problem.n), found]).all()
    assert charged(problem, found, charges) <= charged(problem, labels, charges)


def test_expansions_are_close_to_the_optimum_of_what_is_charged() -> None:
    found, best = 0.0, 0.0
    for seed in range(40):
        problem = _three(seed)
        charges = even_charges(problem)
        start = problem.costs.argmin(axis=1).astype(np.int32)
        found += charged(problem, expand(problem, start, charges, [2, 1, 0] * 3), charges)
        best += min(charged(problem, labels, charges) for labels in every_labels(problem))
    assert found == pytest.approx(best, rel=0.015)


def _three(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    n, away = 7, np.array([1.0, 1.0, 0.0, 0.0])
    links = (away[:, None] + away) * 6
    np.fill_diagonal(links, 0.0)
    tensors = [(u, [v for v in range(u + 1, n) if rng.random() < 0.35], u == n - 1, 1.0) for u in range(-1, n)]
    costs = rng.integers(1, 30, size=(n, 3)).astype(float)
    costs[:, 2] = costs.max(axis=1) + 5
    costs[rng.random((n, 3)) < [0.3, 0.3, 0.0]] = np.inf
    return Problem.build("abc", costs, tensors, links, 0 * links, [9.0, 5.0, 0.0])
