"""How much each group of units loses at the lower precision, measured one at a time, and the order that follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from zif_quantize.groups import Group
from zif_quantize.search.candidate import Candidate

#: Steps of the allowance below and above the goal's own.
STEPS = 12


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


def ladder(order: Sequence[Sensitivity], high: Candidate, allowed: Mapping[str, float]) -> list[tuple[Group, ...]]:
    """Sets of groups to lower, from few to many: what fits if noises simply add up, for a smaller or larger allowance.

    Each set takes the groups in order and leaves out the one that does not fit any more, not those behind it. The
    allowance goes in steps of √2 from a 64th of `allowed` to 64 times that.
    """
    rungs: list[tuple[Group, ...]] = []
    for step in range(-STEPS, STEPS + 1):
        taken = _fitting(order, high, {name: energy * 2 ** (step / 2) for name, energy in allowed.items()})
        if taken and (not rungs or len(taken) > len(rungs[-1])):
            rungs.append(taken)
    return rungs


def _fitting(order: Sequence[Sensitivity], high: Candidate, allowed: Mapping[str, float]) -> tuple[Group, ...]:
    total, taken = dict(high.noise), []
    for group in order:
        after = {name: energy + group.noise.get(name, 0.0) for name, energy in total.items()}
        if all(after[name] <= allowed[name] for name in after):
            total = after
            taken.append(group.group)
    return tuple(taken)
