"""Which samples do what: those that give the ranges, those that choose, and those that the result is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from zif.plugin import Subset

#: At most so many samples are held out for the figures that are told, and at most this part of all.
HELD_OUT, HELD_OUT_PART = 8, 0.25
#: From so many samples on there are enough to choose by others than those that calibrate.
ENOUGH = 4
#: At most so many samples choose; more make the choice steadier, not better.
CHOOSING = 16


@frozen
class Parts:
    """Samples by what they are for, each part taken evenly from the whole, no sample in two.

    calibration: give the ranges. choosing: choose between recipes and precisions; none of too few samples, where those
    of calibration have to do. held: for the figures that are told, seen by nothing before; none of one sample.
    """

    samples: Sequence[Mapping[str, Any]] = field(repr=False)
    _calibration: tuple[int, ...]
    _choosing: tuple[int, ...]
    _held: tuple[int, ...]

    @property
    def calibration(self) -> Subset:
        """The samples that give the ranges."""
        return Subset(self.samples, self._calibration)

    @property
    def choosing(self) -> Subset:
        """The samples that only choose."""
        return Subset(self.samples, self._choosing)

    @property
    def held(self) -> Subset:
        """The samples that nothing sees before the figures are taken."""
        return Subset(self.samples, self._held)

    def deciding(self, most: int) -> Subset:
        """At most so many samples to choose by: those that only choose, and as many that calibrate as there is room.

        A few samples alone would choose by chance.
        """
        fresh = _even(self._choosing, most)
        return Subset(self.samples, sorted([*fresh, *_even(self._calibration, most - len(fresh))]))


def parts(samples: Sequence[Mapping[str, Any]], choose: bool = True) -> Parts:
    """The samples by what they are for; without `choose` those that would choose calibrate, too."""
    count = len(samples)
    held = _middle(range(count), min(HELD_OUT, max(1, int(count * HELD_OUT_PART))) if count > 1 else 0)
    rest = [place for place in range(count) if place not in held]
    enough = choose and count >= ENOUGH
    choosing = _middle(rest, min(CHOOSING, int(count * HELD_OUT_PART)) if enough else 0)
    return Parts(samples, tuple(place for place in rest if place not in choosing), choosing, held)


def split(samples: Sequence[Mapping[str, Any]]) -> tuple[Subset, Subset]:
    """Samples for calibration and samples to measure on where there is nothing to choose; one alone calibrates."""
    found = parts(samples, choose=False)
    return found.calibration, found.held


def spread(samples: Sequence[Mapping[str, Any]], count: int) -> Subset:
    """At most so many of the samples, taken evenly."""
    return Subset(samples, _even(range(len(samples)), count))


def _even(places: Sequence[int], count: int) -> list[int]:
    """So many of the places, evenly from the first on."""
    step = max(1.0, len(places) / count) if count else 1.0
    return [places[int(number * step)] for number in range(min(count, len(places)))]


def _middle(places: Sequence[int], count: int) -> tuple[int, ...]:
    """So many of the places, each from the middle of its share."""
    step = len(places) / count if count else 1.0
    return tuple(places[int((number + 0.5) * step)] for number in range(count))
