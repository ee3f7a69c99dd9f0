"""Three and more backends: alpha-expansion, one best move after the other until none helps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from zif.placement.moves import Toll, best_move
from zif.placement.problem import Ints, Problem


def expand(problem: Problem, labels: Ints, prices: tuple[Toll, ...], rounds: int, targets: Iterable[int]) -> Ints:
    """int32[n]: `labels` improved under units + tolls by moves to each of `targets`, at most `rounds` times in turn.

    Never dearer than `labels`, by units + tolls, when those are allowed everywhere.
    """
    best, goals = toll_cost(problem, labels, prices), tuple(targets)
    unchanged = 0
    for turn in range(rounds * len(goals)):
        if unchanged == len(goals):
            break
        # The two bounds for what no cut can hold, in turn: each finds moves that the other misses.
        favour_maker = (turn // len(goals)) % 2 == 0
        moved = best_move(problem, labels, goals[turn % len(goals)], prices, favour_maker)
        cost = toll_cost(problem, moved, prices)
        unchanged += 1
        if cost < best:
            labels, best, unchanged = moved, cost, 0
    return labels


def toll_cost(problem: Problem, labels: Ints, prices: tuple[Toll, ...]) -> float:
    """Units + tolls: what the moves minimise."""
    total = float(problem.costs[np.arange(problem.n), labels].sum())
    graph = problem.graph
    for toll in prices:
        source = toll.of[np.append(labels, problem.k)[graph.producer]]
        needed = np.zeros((problem.tensors, len(toll.fixed)), dtype=np.bool_)
        needed[problem.is_output, toll.of[problem.k]] = True
        needed[graph.edge_tensor, toll.of[labels[graph.edge_reader]]] = True
        total += float((toll.prices(source, problem.nbytes) * needed).sum())
    return total
