from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.exact import bound
from planning.problems import chain, every_labels, feasible, optimum, problems
from zif.planning.placement import PlacementError, Problem, Solution, evaluate, segments, solve
from zif.planning.placement.solver import _cuts, _Search

INF = np.inf


def check(problem: Problem, found: Solution) -> None:
    """Allowed, whole, priced truly, and never dearer than greedy, any single backend, or what is proven."""
    assert np.isfinite(problem.costs[np.arange(problem.n), found.labels]).all()
    assert found.cost == evaluate(problem, found.labels)
    assert (found.segments == segments(problem, found.labels)).all()
    for group in set() if problem.groups is None else set(problem.groups.tolist()) - {-1}:
        assert len(set(found.labels[problem.groups == group].tolist())) == 1
    names = dict(found.candidates)
    assert "greedy" in names
    for label, name in enumerate(problem.backends):
        alone = evaluate(problem, np.full(problem.n, label, dtype=np.int32))
        assert (f"only:{name}" in names) == np.isfinite(alone.total)
        assert found.cost.total <= alone.total
    assert all(found.cost.total <= cost.total for cost in names.values())
    assert found.lower_bound <= found.cost.total


@settings(deadline=None)
@given(problems(most=12, grouped=True).filter(feasible))
def test_what_every_solution_must_hold(problem: Problem) -> None:
    check(problem, solve(problem))


@settings(deadline=None, max_examples=200)
@given(problems(k=2, most=8, launch=False))
def test_two_backends_without_launch_costs_are_placed_optimally(problem: Problem) -> None:
    assert solve(problem).cost.total == pytest.approx(optimum(problem), rel=1e-4)


@settings(deadline=None)
@given(problems(k=2, most=8, grouped=True, launch=False).filter(feasible))
def test_optimal_with_groups_too(problem: Problem) -> None:
    assert solve(problem).cost.total == pytest.approx(optimum(problem), rel=1e-4)


@settings(deadline=None, max_examples=60)
@given(problems(most=5))
def test_the_lower_bound_is_one(problem: Problem) -> None:
    assert solve(problem).lower_bound <= optimum(problem) * (1 + 1e-9)


@settings(deadline=None, max_examples=100)
@given(problems(k=2, most=7))
def test_each_cut_s_bound_is_one_by_itself(problem: Problem) -> None:
    """Not hidden by the cost that was found, which `Solution.lower_bound` never exceeds."""
    if np.isfinite(problem.costs[:, 0]).all():
        for steps in (1, 4):
            search = _Search(problem)
            assert _cuts(search, np.zeros(problem.n, dtype=np.int32), 1, steps, "") <= optimum(problem) + 1e-6


@pytest.mark.parametrize(("k", "n", "mean", "worst"), [(2, 8, 1.003, 1.07), (3, 5, 1.01, 1.2)])
def test_with_launch_costs_the_optimum_is_close(k: int, n: int, mean: float, worst: float) -> None:
    """Small graphs of nothing but launches, transfers and refusals: far harder than models, and compared with all."""
    ratios = [_ratio(_knotted(seed, k, n)) for seed in range(40)]
    assert np.mean(ratios) <= mean
    assert max(ratios) <= worst


def _ratio(problem: Problem) -> float:
    return solve(problem).cost.total / optimum(problem)


def _knotted(seed: int, k: int, n: int) -> Problem:
    rng = np.random.default_rng(seed)
    away = np.append(np.ones(k - 1), [0.0, 0.0])
    links = away[:, None] * rng.integers(1, 20) + away * rng.integers(1, 20)
    np.fill_diagonal(links, 0.0)
    tensors = [
        (u, [v for v in range(u + 1, min(u + 5, n)) if rng.random() < 0.4], u == n - 1, 1.0) for u in range(-1, n)
    ]
    costs = rng.integers(1, 100, size=(n, k)).astype(float)
    costs[:, -1] += 60
    costs[rng.random((n, k)) < np.append(np.full(k - 1, 0.25), 0.0)] = INF
    return Problem.build("abcd"[:k], costs, tensors, links, 0 * links, [*rng.integers(5, 90, k - 1), 0.0])


@settings(deadline=None, max_examples=25)
@given(problems(k=2, most=8))
def test_the_exact_solver_agrees_with_trying_everything(problem: Problem) -> None:
    proven = bound(problem)
    assert proven.upper == pytest.approx(optimum(problem), abs=1e-4)
    assert proven.labels is not None
    assert evaluate(problem, proven.labels).total == pytest.approx(proven.upper, abs=1e-4)


@settings(deadline=None, max_examples=25)
@given(problems(k=3, most=6))
def test_the_exact_solver_is_a_lower_bound_for_three(problem: Problem) -> None:
    assert bound(problem).lower <= optimum(problem) + 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_graphs_of_a_model_s_size_are_close_to_what_is_proven(seed: int) -> None:
    problem = _knotted(seed, 2, 150)
    found, proven = solve(problem), bound(problem, seconds=120, gap=1e-3)
    assert found.lower_bound <= proven.upper * (1 + 1e-6)
    assert found.cost.total <= 1.07 * proven.lower


# Degenerate input


def test_no_units_no_tensors_one_backend_nothing_to_pay() -> None:
    nothing = Problem.build("ab", np.zeros((0, 2)), [], np.zeros((3, 3)), np.zeros((3, 3)), [5, 5])
    found = solve(nothing)
    assert (found.labels.shape, found.cost.total, found.cost.segments, found.lower_bound) == ((0,), 0.0, 0, 0.0)
    apart = Problem.build("ab", [[1, 2], [2, 1], [INF, 3]], [], np.ones((3, 3)) - np.eye(3), np.zeros((3, 3)), [0, 0])
    assert solve(apart).labels.tolist() == [0, 1, 1]
    one = chain([[1.0], [2.0]], [10.0])
    assert solve(one).cost.total == 13.0
    free = chain(np.zeros((4, 3)), [0, 0, 0], nbytes=0)
    assert solve(free).cost.total == 0.0


def test_all_refused_but_one() -> None:
    problem = chain([[INF, 3.0, INF]] * 5, [1.0, 1.0, 1.0])
    assert solve(problem).labels.tolist() == [1] * 5
    forced = chain([[INF, 3.0], [2.0, INF], [INF, 3.0]], [1.0, 1.0])
    assert solve(forced).labels.tolist() == [1, 0, 1]


def test_a_unit_that_is_allowed_nowhere_is_named() -> None:
    with pytest.raises(PlacementError, match=r"units \[1\] \(of 1\) are allowed on none of: b0, b1"):
        solve(chain([[1.0, 1.0], [INF, INF]], [0, 0]))
    with pytest.raises(PlacementError, match=r"units \[0, 1\]"):  # a group that no backend takes as a whole
        solve(chain([[1.0, INF], [INF, 1.0]], [0, 0], groups=[0, 0]))


def test_pins_hold_whatever_they_cost() -> None:
    costs = np.array([[1.0, 100.0]] * 9)
    costs[4] = [INF, 1e9]
    found = solve(chain(costs, [5.0, 5.0]))
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12, 1e25])
def test_the_scale_of_costs_does_not_matter(scale: float) -> None:
    problem = _knotted(3, 2, 12)
    scaled = evolve(
        problem, costs=problem.costs * scale, link_fixed=problem.link_fixed * scale, launch=problem.launch * scale
    )
    assert solve(scaled).cost.total == pytest.approx(solve(problem).cost.total * scale)


def test_one_huge_cost_does_not_drown_the_others() -> None:
    costs = np.array([[1e15, 1e15 + 1], [3.0, 90.0], [90.0, 4.0], [3.0, 90.0]])
    found = solve(chain(costs, [1.0, 0.0], nbytes=1.0, per_byte=1e-3))
    assert found.labels[1:].tolist() == [0, 1, 0]


# Determinism


def test_equal_input_gives_equal_output_also_in_another_process() -> None:
    code = (
        "from planning.test_solve import _knotted, solve\n"
        "for k in (2, 3):\n"
        "    s = solve(_knotted(7, k, 60))\n"
        "    print(s.labels.tolist(), s.segments.tolist(), s.candidates, s.lower_bound)"
    )
    seen = set()
    for seed in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        seen.add(done.stdout)
    assert len(seen) == 1


def test_importing_placement_does_not_import_scipy() -> None:
    code = "import sys, zif.planning.placement; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_no_placement_in_reach_of_a_single_unit_is_cheaper(data: st.DataObject) -> None:
    problem = data.draw(problems(k=2, most=8))
    found = solve(problem)
    near = [labels for labels in every_labels(problem) if (labels != found.labels).sum() == 1]
    assert all(found.cost.total <= evaluate(problem, labels).total + 1e-3 + 2e-4 * found.cost.total for labels in near)
