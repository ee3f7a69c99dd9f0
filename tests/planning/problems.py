"""Random placement problems for hypothesis, and slow, plain oracles for what zif.planning.placement computes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from zif.planning.placement import Problem, evaluate

Labels = NDArray[np.int32]


@st.composite
def problems(
    draw: st.DrawFn,
    k: int | None = None,
    most: int = 8,
    grouped: bool = False,
    launch: bool = True,
    least: int = 1,
) -> Problem:
    """Fan-out, several outputs of one unit, repeated reads, inputs, unread tensors, pins, equal and zero costs."""
    backends = draw(st.integers(1, 4)) if k is None else k
    n = draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tensors: list[tuple[int, list[int], bool, float]] = []
    for maker in range(-1, n):
        for _ in range(int(rng.integers(1, 3))):
            later = np.arange(maker + 1, n)
            chosen = rng.choice(later, size=int(rng.integers(0, min(len(later), 4) + 1))) if len(later) else later
            tensors.append((maker, chosen.tolist(), bool(rng.random() < 0.2), float(rng.integers(0, 100))))
    costs = rng.integers(0, 60, size=(n, backends)).astype(float)
    refused = rng.random((n, backends)) < rng.choice([0.0, 0.3])
    refused[np.arange(n), rng.integers(0, backends, n)] = False
    costs[refused] = np.inf
    fixed, per_byte = _links(rng, backends)
    start = rng.integers(0, 80, size=backends) * rng.integers(0, 2, size=backends) * launch
    groups = _groups(rng, n) if grouped else None
    return Problem.build([f"b{i}" for i in range(backends)], costs, tensors, fixed, per_byte, start, groups)


def _links(rng: np.random.Generator, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Either by way of the host, some backends being at home there, or anything at all."""
    if rng.random() < 0.5:
        away = np.append(rng.random(k) < 0.6, False)
        fixed = np.where(away, 1.0, 0.0)[:, None] * rng.integers(0, 10) + np.where(away, 1.0, 0.0) * rng.integers(0, 10)
    else:
        fixed = rng.integers(0, 20, size=(k + 1, k + 1)).astype(float)
    per_byte = fixed * rng.choice([0.0, 0.02])
    np.fill_diagonal(fixed, 0.0)
    np.fill_diagonal(per_byte, 0.0)
    return fixed, per_byte


def _groups(rng: np.random.Generator, n: int) -> list[int]:
    """Runs of neighbours in the order, which can always be run whole."""
    ends = np.sort(rng.integers(0, n + 1, size=int(rng.integers(0, 4))))
    run = np.searchsorted(ends, np.arange(n), side="right")
    return np.where(rng.random(len(ends) + 1) < 0.6, np.arange(len(ends) + 1) * 7, -1)[run].tolist()


def any_labels(problem: Problem, seed: int) -> Labels:
    """Allowed labels at random; a group keeps together."""
    rng = np.random.default_rng(seed)
    whole, member = problem.whole
    drawn = [rng.choice(np.flatnonzero(np.isfinite(row))) for row in whole.costs]
    return np.array(drawn, dtype=np.int32)[member]


def feasible(problem: Problem) -> bool:
    return bool(np.isfinite(problem.whole[0].costs).any(axis=1).all())


def every_labels(problem: Problem) -> list[Labels]:
    """All allowed placements."""
    whole, member = problem.whole
    rows = [np.flatnonzero(np.isfinite(row)).tolist() for row in whole.costs]
    return [np.array(labels, dtype=np.int32)[member] for labels in product(*rows)]


def optimum(problem: Problem) -> float:
    return min(evaluate(problem, labels).total for labels in every_labels(problem))


def same_place(problem: Problem, a: int, b: int) -> bool:
    """Whether labels a and b see all links alike, in both directions."""
    links = (problem.link_fixed, problem.link_fixed.T, problem.link_per_byte, problem.link_per_byte.T)
    return all((link[a] == link[b]).all() for link in links)


def naive_cost(problem: Problem, labels: Labels) -> tuple[float, float]:
    """(units, transfer), straight from the definition."""
    units = sum(problem.costs[unit, label] for unit, label in enumerate(labels))
    transfer = 0.0
    for tensor in range(problem.tensors):
        maker = problem.producer[tensor]
        source = problem.k if maker < 0 else int(labels[maker])
        readers = problem.consumer_idx[problem.consumer_ptr[tensor] : problem.consumer_ptr[tensor + 1]]
        targets = [int(labels[reader]) for reader in readers] + [problem.k] * bool(problem.is_output[tensor])
        reached: list[int] = [source]
        for target in targets:
            if not any(same_place(problem, target, other) for other in reached):
                reached.append(target)
                price = problem.link_fixed[source, target]
                transfer += price + problem.nbytes[tensor] * problem.link_per_byte[source, target]
    return units, transfer


def edges(problem: Problem) -> set[tuple[int, int]]:
    """(maker, reader), straight from the definition."""
    found = set()
    for tensor in range(problem.tensors):
        for at in range(problem.consumer_ptr[tensor], problem.consumer_ptr[tensor + 1]):
            if problem.producer[tensor] >= 0:
                found.add((int(problem.producer[tensor]), int(problem.consumer_idx[at])))
    return found


def cheapest_schedule(problem: Problem, labels: Labels) -> tuple[float, int]:
    """(launch cost, segments) of the cheapest sequence of segments, by search over all sets of finished units."""
    before: dict[int, set[int]] = {unit: set() for unit in range(problem.n)}
    for maker, reader in edges(problem):
        before[reader].add(maker)
    best: dict[frozenset[int], tuple[float, int]] = {frozenset(): (0.0, 0)}
    todo = [frozenset[int]()]
    everything = frozenset(range(problem.n))
    while todo:
        todo.sort(key=lambda done: best[done])
        done = todo.pop(0)
        if done == everything:
            return best[done]
        for label in range(problem.k):
            grown = set(done)
            while ready := [u for u in everything - grown if labels[u] == label and before[u] <= grown]:
                grown.update(ready)
            after, price = frozenset(grown), (best[done][0] + float(problem.launch[label]), best[done][1] + 1)
            if after != done and price < best.get(after, (np.inf, 0)):
                best[after] = price
                todo.append(after)
    raise AssertionError("no schedule")


def chain(costs: Any, launch: Any, nbytes: float = 10.0, per_byte: float = 0.1, groups: Any = None) -> Problem:
    """Units one after the other, the last backend at home on the host."""
    costs = np.asarray(costs, dtype=float)
    n, k = costs.shape
    away = np.array([1.0] * (k - 1) + [0.0, 0.0])
    links = (away[:, None] + away) * per_byte
    np.fill_diagonal(links, 0.0)
    tensors = [(unit - 1, [unit] if unit < n else [], unit == n, nbytes) for unit in range(n + 1)]
    return Problem.build([f"b{i}" for i in range(k)], costs, tensors, np.zeros_like(links), links, launch, groups)
