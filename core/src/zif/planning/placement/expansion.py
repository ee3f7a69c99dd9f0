"""Three and more backends: alpha-expansion, one best move after the other until none helps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zif.planning.placement.launch import Charges
from zif.planning.placement.moves import best_move
from zif.planning.placement.objective import transfers
from zif.planning.placement.problem import Ints, Problem


def expand(problem: Problem, labels: Ints, charges: Charges, turns: Sequence[int]) -> Ints:
    """int32[n]: `labels` improved by the best move to each backend of `turns` in turn, until none of them helps.

    Never dearer than `labels`, by units + transfers + charges.
    """
    best, different, unchanged = charged_cost(problem, labels, charges), len(set(turns)), 0
    for turn, target in enumerate(turns):
        # The two bounds for what no cut can hold, in turn: each finds moves that the other misses.
        moved, _ = best_move(problem, labels, target, charges, favour_maker=(turn // different) % 2 == 0)
        cost = charged_cost(problem, moved, charges)
        unchanged += 1
        if cost < best:
            labels, best, unchanged = moved, cost, 0
        elif unchanged == different:
            break
    return labels


def charged_cost(problem: Problem, labels: Ints, charges: Charges) -> float:
    """Units + transfers + charges: what the moves minimise, and never more than what `objective.evaluate` says."""
    units = float(problem.costs[np.arange(problem.n), labels].sum())
    return units + float(transfers(problem, labels).cost.sum()) + charges.cost(problem, labels)
