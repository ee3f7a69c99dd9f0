"""Units that a chip computes more coarsely than their integers have to be: found by swapping, and given another form.

What a recipe loses on the CPU reference is what its integers must cost. Where the chip loses much more, some units are
to blame: the smallest set whose float form brings back what was lost is found by halves, every step measured on the
chip. Then each of them is tried in the other precision, and stays in float where that is no better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import define, field

from zif_quantize.assign import FLOAT

if TYPE_CHECKING:
    from zif_quantize.groups import Group
    from zif_quantize.recipes import Recipe

    #: SQNR in dB of the worst output on the chip, with these units in other precisions.
    Measured = Callable[[Mapping[str, Recipe | str]], float]

#: More than this many dB below the CPU reference is more than rounding in another order.
LOST = 6.0
#: What is found brings back at least this part of what was lost.
ENOUGH = 0.6
#: At most so many mixes are run on the chip.
MOST = 24
#: Another precision takes the place of float where it costs no more than this many dB.
AS_GOOD = 1.0


@define
class Mending:
    """A search for the units to blame. `tried`: how many mixes were measured."""

    measured: Measured
    wanted: float
    had: float
    tried: int = field(default=0, init=False)

    @property
    def enough(self) -> float:
        """The SQNR from which on what was lost counts as brought back."""
        return self.had + ENOUGH * (self.wanted - self.had)

    def brings_back(self, groups: Sequence[Group], beside: Sequence[Group] = ()) -> bool:
        """Whether the chip is good enough with these groups in float, beside others that are."""
        if self.tried >= MOST or not groups:
            return False
        return self._run({unit: FLOAT for group in (*groups, *beside) for unit in group.units}) >= self.enough

    def _run(self, levels: Mapping[str, Recipe | str]) -> float:
        self.tried += 1
        return self.measured(levels)

    def culprits(self, groups: Sequence[Group], beside: Sequence[Group] = ()) -> list[Group]:
        """The groups without which it is not enough, given that all of them in float are."""
        if len(groups) == 1:
            return list(groups)
        middle = len(groups) // 2
        first, second = groups[:middle], groups[middle:]
        for half in (first, second):
            if self.brings_back(half, beside):
                return self.culprits(half, beside)
        guilty = self.culprits(first, [*beside, *second])
        return [*guilty, *self.culprits(second, [*beside, *guilty])]


def mended(
    measured: Measured, wanted: float, had: float, groups: Sequence[Group], other: Recipe | None
) -> dict[str, Recipe | str]:
    """The precision of each unit that a chip computes too coarsely; nothing where none is to blame, or all are.

    wanted, had: SQNR of the worst output in dB, on the CPU reference and on the chip. other: a precision that is tried
    in the place of float.
    """
    search = Mending(measured, wanted, had)
    if wanted - had <= LOST or not search.brings_back(groups):
        return {}
    culprits = search.culprits(groups)
    levels: dict[str, Recipe | str] = {unit: FLOAT for group in culprits for unit in group.units}
    if len(culprits) > len(groups) // 2:
        return {}  # the whole chip's arithmetic, and no unit's
    for group in culprits if other is not None else ():
        assert other is not None
        tried = {**levels, **dict.fromkeys(group.units, other)}
        if search.tried < MOST and search._run(tried) >= search.enough - AS_GOOD:
            levels = tried
    return levels
