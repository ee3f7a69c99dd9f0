"""Why each unit went where it went: one coded sentence per unit and backend, with the figures that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.files.wording import duration, size
from zif.planning.plan import UnitVerdict
from zif.planning.task import weigh
from zif.verdicts.settle import overrules

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.pricing import Prices
    from zif.records import Verdict


#: Units of one kind cost the same.
_shown = lru_cache(4096)(duration)


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
    strict: bool

    def figure(self, row: int, k: int) -> str:
        us = _shown(self.us[row][k])
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
    strict: bool = False,
) -> list[dict[str, UnitVerdict]]:
    """For every unit a verdict per backend. `moves` float64[n, K]: by which share the plan is dearer with it there.

    strict: the whole model was to run on one backend.
    """
    costs = weigh(prices, policy, model)[0].tolist()
    case = _Case(names, prices.us.tolist(), prices.source.tolist(), costs, moves.tolist(), policy, strict)
    return [
        {
            name: _told(case, row, k, int(labels[row]), verdicts[row][k], pins.get(unit.id))
            for k, name in enumerate(names)
        }
        for row, unit in enumerate(model.units)
    ]


def _told(case: _Case, row: int, k: int, chosen: int, verdict: Verdict, pin: str | None) -> UnitVerdict:
    """The verdict with what the plan makes of it, and what the unit costs there or would."""
    us = round(case.us[row][k], 3)
    if not overrules(verdict, "placement", verdict):
        refused = verdict.supported, verdict.basis, verdict.code, verdict.reason
        return UnitVerdict(*refused, None, "", verdict.source, verdict.overruled, us)
    source, code, reason = _choice(case, row, k, chosen, pin)
    return UnitVerdict(True, verdict.basis, code, reason, us, case.source[row][k], source, verdict.chain)


def _choice(case: _Case, row: int, k: int, chosen: int, pin: str | None) -> tuple[str, str, str]:
    """Who chose among the backends that take the unit, and the code and sentence for one of them."""
    if pin is not None:
        here = "pinned here" if case.names[k] == pin else f"pinned to {pin}"
        return "pin", "pinned", f"{here} by the caller"
    if case.strict:
        where = "here" if k == chosen else f"on {case.names[chosen]}"
        return "pin", "pinned", f"the caller wants the whole model on one backend (--strict): {where}"
    if k == chosen:
        return "placement", "ok", _why_here(case, row, k)
    return "placement", *_why_not(case, row, k, chosen)


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
        much = f"{move:.2g}" if move < 100 else f"{move:,.0f}"
        extra = f"; with it there the plan is {much} % dearer" if isfinite(move) and move >= 0.01 else ""
        return "boundary-cost", f"{figures}, but its tensors would have to be moved{extra}"
    if case.us[row][k] < case.us[row][chosen]:
        return "slower", f"{figures}: quicker, but dearer under {case.policy}"
    return "slower", figures
