"""Why each unit went where it went: one coded sentence per unit and backend, with the figures that decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zif.planning.plan import UnitVerdict

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.pricing import Prices
    from zif.records import Verdict


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
    """For every unit a verdict per backend. `moves` float64[n, K]: how much dearer the plan is with the unit there."""
    return [
        {
            name: _one(row, k, int(labels[row]), names, verdicts[row][k], prices, moves, pins.get(unit.id), policy)
            for k, name in enumerate(names)
        }
        for row, unit in enumerate(model.units)
    ]


def _one(
    row: int,
    k: int,
    chosen: int,
    names: Sequence[str],
    verdict: Verdict,
    prices: Prices,
    moves: NDArray[np.float64],
    pin: str | None,
    policy: str,
) -> UnitVerdict:
    us, source = round(float(prices.us[row, k]), 3), str(prices.source[row, k])
    if not verdict.supported:
        return UnitVerdict(verdict.supported, verdict.basis, verdict.code, verdict.reason)
    if pin is not None:
        here = "pinned here" if names[k] == pin else f"pinned to {pin}"
        code, reason = "pinned", f"{here} by the caller"
    elif k == chosen:
        code, reason = "ok", verdict.reason or _why_here(row, k, names, prices, moves, policy)
    else:
        code, reason = _why_not(row, k, chosen, names, prices, float(moves[row, k]))
    return UnitVerdict(True, verdict.basis, code, reason, us, source)


def _why_here(row: int, k: int, names: Sequence[str], prices: Prices, moves: NDArray[np.float64], policy: str) -> str:
    others = [j for j in range(len(names)) if j != k and np.isfinite(moves[row, j])]
    here = f"{prices.us[row, k]:.1f} µs here"
    if not others:
        return f"the only backend that takes it; {here}"
    next_best = min(others, key=lambda j: moves[row, j])
    return f"cheapest under {policy}: {here}, {prices.us[row, next_best]:.1f} µs on {names[next_best]}"


def _why_not(row: int, k: int, chosen: int, names: Sequence[str], prices: Prices, move: float) -> tuple[str, str]:
    there, here = prices.us[row, k], prices.us[row, chosen]
    figures = f"{there:.1f} µs here, {here:.1f} µs on {names[chosen]}"
    if there < here:
        extra = f"; moving it alone would add {move:.1f} to the plan's cost" if np.isfinite(move) else ""
        return "boundary-cost", f"{figures}, but its tensors would have to be moved{extra}"
    return "slower", figures
