"""Proven bounds: the placement problem as a mixed-integer program, solved by HiGHS through scipy.

Two backends: exactly the objective of `zif.planning.placement.evaluate`. More: every backend's segments are
counted by the greatest number of separate runs of it on one path, which no schedule can undercut: the optimum found is
a lower bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from zif.planning.placement import Problem


class Bound(NamedTuple):
    """`lower` <= the optimum <= `upper`. `labels` is the placement found, None if none was before the limit."""

    lower: float
    upper: float
    labels: NDArray[np.int32] | None


class _Program:
    """Rows of a sparse A x >= b, with columns handed out on demand."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.whole: list[int] = []
        self.row: list[int] = []
        self.col: list[int] = []
        self.val: list[float] = []
        self.least: list[float] = []

    def new(self, cost: float = 0.0, upper: float = np.inf, whole: bool = False) -> int:
        self.cost.append(cost)
        self.upper.append(upper)
        self.whole.append(int(whole))
        return len(self.cost) - 1

    def at_least(self, least: float, *terms: tuple[int, float]) -> None:
        for col, val in terms:
            self.row.append(len(self.least))
            self.col.append(col)
            self.val.append(val)
        self.least.append(least)


def bound(problem: Problem, seconds: float | None = None, gap: float = 1e-6, launches: bool = True) -> Bound:
    """Solve `problem` (without groups). `launches=False` leaves the segments out of the objective."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    program = _Program()
    allowed = np.isfinite(problem.costs)
    x = [
        [program.new(c if ok else 0.0, float(ok), True) for c, ok in zip(costs, oks, strict=True)]
        for costs, oks in zip(problem.costs.tolist(), allowed.tolist(), strict=True)
    ]
    for columns in x:
        program.at_least(1.0, *[(c, 1.0) for c in columns])
        program.at_least(-1.0, *[(c, -1.0) for c in columns])
    _transfers(program, problem, x)
    if launches and problem.launch.any():
        (_phases if problem.k == 2 else _runs)(program, problem, x)
    rows = csr_array((program.val, (program.row, program.col)), shape=(len(program.least), len(program.cost)))
    options = {"mip_rel_gap": gap} | ({} if seconds is None else {"time_limit": seconds})
    answer = milp(
        program.cost,
        integrality=program.whole,
        bounds=Bounds(0.0, np.array(program.upper)),
        constraints=LinearConstraint(rows, np.array(program.least), np.inf),
        options=options,
    )
    if answer.x is None:
        lower = answer.mip_dual_bound if answer.mip_dual_bound is not None else 0.0
        return Bound(float(lower), float("inf"), None)
    labels = np.rint(answer.x[np.array(x)]).argmax(axis=1).astype(np.int32)
    return Bound(float(answer.mip_dual_bound), float(answer.fun), labels)


def _transfers(program: _Program, problem: Problem, x: list[list[int]]) -> None:
    """A column per tensor and pair of places: it comes from the one, and somebody needs it at the other."""
    place, k = problem.location.tolist(), problem.k
    places = len(problem.place_fixed)
    for tensor, maker in enumerate(problem.producer.tolist()):
        start, stop = problem.consumer_ptr[tensor : tensor + 2]
        readers = np.unique(problem.consumer_idx[start:stop]).tolist()
        for to in range(places):
            at_host = bool(problem.is_output[tensor]) and place[k] == to
            here = [label for label in range(k) if place[label] == to]
            if not at_host and not (readers and here):
                continue
            needs = [[]] if at_host else [[x[reader][label] for label in here] for reader in readers]
            for origin in range(places):
                price = problem.place_fixed[origin, to] + problem.nbytes[tensor] * problem.place_per_byte[origin, to]
                if price <= 0 or (maker < 0 and origin != place[k]):
                    continue
                made = [x[maker][label] for label in range(k) if place[label] == origin] if maker >= 0 else None
                if made == []:
                    continue
                paid = program.new(float(price))
                for need in needs:
                    least = (need == []) + (made is None) - 1.0
                    terms = [(paid, 1.0), *((c, -1.0) for c in need), *((c, -1.0) for c in made or ())]
                    program.at_least(least, *terms)


def _phases(program: _Program, problem: Problem, x: list[list[int]]) -> None:
    """Two backends take turns: count the turns of each, for either of them first."""
    first = program.new(0.0, 1.0, True)  # 1: backend 0 begins
    turns = [program.new(float(cost), whole=True) for cost in problem.launch]
    program.at_least(0.0, (first, 1.0), (turns[0], -1.0), (turns[1], 1.0))
    program.at_least(-1.0, (first, -1.0), (turns[0], 1.0), (turns[1], -1.0))
    phase = [program.new() for _ in x]
    for unit, (zero, one) in enumerate(x):
        program.at_least(-1.0, (phase[unit], 1.0), (one, -1.0), (first, -1.0))
        program.at_least(0.0, (phase[unit], 1.0), (zero, -1.0), (first, 1.0))
        program.at_least(1.0, (turns[0], 1.0), (turns[1], 1.0), (phase[unit], -1.0))
    for maker, reader in zip(*(part.tolist() for part in problem.graph.links), strict=True):
        for label in (0, 1):
            program.at_least(
                0.0, (phase[reader], 1.0), (phase[maker], -1.0), (x[reader][label], -1.0), (x[maker][label], 1.0)
            )


def _runs(program: _Program, problem: Problem, x: list[list[int]]) -> None:
    """Each backend's segments are at least the runs of it along any path."""
    for label, cost in enumerate(problem.launch.tolist()):
        if not cost:
            continue
        most = program.new(cost, whole=True)
        run = [program.new() for _ in x]
        for unit, columns in enumerate(x):
            program.at_least(0.0, (run[unit], 1.0), (columns[label], -1.0))
            program.at_least(0.0, (most, 1.0), (run[unit], -1.0))
        for maker, reader in zip(*(part.tolist() for part in problem.graph.links), strict=True):
            program.at_least(0.0, (run[reader], 1.0), (run[maker], -1.0))
            program.at_least(
                0.0, (run[reader], 1.0), (run[maker], -1.0), (x[reader][label], -1.0), (x[maker][label], 1.0)
            )
