"""Why each unit went where it went: one coded sentence per unit and backend, with the figures that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.planning.plan import UnitVerdict
from zif.planning.task import weigh
from zif.wording import duration, size

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.pricing import Prices
    from zif.records import Verdict


@frozen(eq=False)
class _Case:
    """What decides where units go: microseconds, what the policy makes of them, and what moving one unit would change.

    All by row and backend, as lists: reading arrays number by number takes longer than everything else here.
    """

    names: Sequence[str]
    us: list[list[float]]
    source: list[list[str]]
    costs: list[list[float]]
    moves: list[list[float]]
    policy: str

    def figure(self, row: int, k: int) -> str:
        us = duration(self.us[row][k])
        if self.policy != "memory":
            return us
        return f"{size(1024 * self.costs[row][k])} and {us}"


def explain(
    model: Model,
    names: Sequence[str],
    verdicts: Sequence[Sequence[Verdict]],
    prices: Prices,
    labels: NDArray[np.int32],
    moves: NDArray[np.float64],
    pins: Mapping[str, str],
    policy: str,
) -> list[dict[str, UnitVerdict]]:
    """For every unit a verdict per backend. `moves` float64[n, K]: by which share the plan is dearer with it there."""
    costs = weigh(prices, policy, model)[0].tolist()
    case = _Case(names, prices.us.tolist(), prices.source.tolist(), costs, moves.tolist(), policy)
    return [
        {
            name: _one(case, row, k, int(labels[row]), verdicts[row][k], pins.get(unit.id))
            for k, name in enumerate(names)
        }
        for row, unit in enumerate(model.units)
    ]


def _one(case: _Case, row: int, k: int, chosen: int, verdict: Verdict, pin: str | None) -> UnitVerdict:
    if not verdict.supported:
        return UnitVerdict(verdict.supported, verdict.basis, verdict.code, verdict.reason)
    if pin is not None:
        here = "pinned here" if case.names[k] == pin else f"pinned to {pin}"
        code, reason = "pinned", f"{here} by the caller"
    elif k == chosen:
        code, reason = "ok", verdict.reason or _why_here(case, row, k)
    else:
        code, reason = _why_not(case, row, k, chosen)
    return UnitVerdict(True, verdict.basis, code, reason, round(case.us[row][k], 3), case.source[row][k])


def _why_here(case: _Case, row: int, k: int) -> str:
    others = [j for j in range(len(case.names)) if j != k and isfinite(case.moves[row][j])]
    here = f"{case.figure(row, k)} here"
    if not others:
        return f"the only backend that takes it; {here}"
    other = min(others, key=lambda j: case.moves[row][j])
    there = f"{case.figure(row, other)} on {case.names[other]}"
    if case.costs[row][other] < case.costs[row][k]:
        return f"cheapest where it stands: {here}; {there}, but its tensors would have to be moved"
    if case.us[row][other] < case.us[row][k]:
        return f"cheapest under {case.policy}: {here}; {there}: quicker, but dearer"
    return f"cheapest under {case.policy}: {here}, {there}"


def _why_not(case: _Case, row: int, k: int, chosen: int) -> tuple[str, str]:
    """Dearer there by itself (which under some policies is not slower), or because of what lies around it."""
    figures = f"{case.figure(row, k)} here, {case.figure(row, chosen)} on {case.names[chosen]}"
    if case.costs[row][k] < case.costs[row][chosen]:
        move = 100 * case.moves[row][k]
        extra = f"; with it there the plan is {move:.2g} % dearer" if isfinite(move) and move >= 0.01 else ""
        return "boundary-cost", f"{figures}, but its tensors would have to be moved{extra}"
    if case.us[row][k] < case.us[row][chosen]:
        return "slower", f"{figures}: quicker, but dearer under {case.policy}"
    return "slower", figures
