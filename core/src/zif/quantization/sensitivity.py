"""How much each group of units loses at the lower precision, measured one at a time, and the order that follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from zif.quantization.candidate import Candidate
from zif.quantization.groups import Group


@frozen
class Sensitivity:
    """One group at the lower precision in a model that is at the higher one otherwise.

    noise: the energy of the error per output that it adds. saving: what its units cost less, conversions not counted.
    burden: its part of the noise that the goal allows, of the output where that is largest.
    """

    group: Group
    noise: Mapping[str, float]
    saving: float
    burden: float


def saving(group: Group, high: Candidate, low: Candidate) -> float:
    """What the group's units cost less where all units have the lower precision than where all have the higher."""
    return sum(high.unit_costs.get(unit, 0.0) - low.unit_costs.get(unit, 0.0) for unit in group.units)


def sensitivity(
    group: Group, lowered: Candidate, high: Candidate, saved: float, allowed: Mapping[str, float]
) -> Sensitivity:
    """From the candidate in which this group alone is lowered, and the one in which none is."""
    noise = {name: max(0.0, energy - high.noise[name]) for name, energy in lowered.noise.items()}
    if lowered.error:
        noise = dict.fromkeys(high.noise, math.inf)
    burden = max((energy / allowed[name] if allowed[name] else math.inf for name, energy in noise.items()), default=0.0)
    return Sensitivity(group, noise, saved, burden)


def fits(order: Sequence[Sensitivity], high: Candidate, allowed: Mapping[str, float]) -> int:
    """How many groups, from the first, the goal should allow to be lowered if their noises simply add up."""
    total = dict(high.noise)
    for count, one in enumerate(order):
        for name, energy in one.noise.items():
            total[name] += energy
        if any(total[name] > allowed[name] for name in total):
            return count
    return len(order)
