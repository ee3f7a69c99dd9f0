"""Three and more backends: alpha-expansion, one best move after the other until none helps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zif.placement.launch import Charges
from zif.placement.moves import best_move
from zif.placement.objective import transfers
from zif.placement.problem import Ints, Problem


def expand(problem: Problem, labels: Ints, charges: Charges, targets: Sequence[int], most: int) -> Ints:
    """int32[n]: `labels` improved by moves to each of `targets` in turn until none helps, at most `most` moves.

    Never dearer than `labels`, by units + transfers + charges.
    """
    best, unchanged = charged_cost(problem, labels, charges), 0
    for turn in range(most):
        if unchanged == len(targets):
            break
        # The two bounds for what no cut can hold, in turn: each finds moves that the other misses.
        favour_maker = (turn // len(targets)) % 2 == 0
        moved, _ = best_move(problem, labels, targets[turn % len(targets)], charges, favour_maker)
        cost = charged_cost(problem, moved, charges)
        unchanged += 1
        if cost < best:
            labels, best, unchanged = moved, cost, 0
    return labels


def charged_cost(problem: Problem, labels: Ints, charges: Charges) -> float:
    """Units + transfers + charges: what the moves minimise, and never more than what `evaluate` says."""
    units = float(problem.costs[np.arange(problem.n), labels].sum())
    return units + float(transfers(problem, labels).cost.sum()) + charges.cost(problem, labels)
