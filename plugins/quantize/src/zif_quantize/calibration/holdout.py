"""Which samples do what in a search for a mix: give ranges, choose, and be what the result is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from zif.plugin import Subset

#: At most so many samples are held out for the figures that are told, and at most this part of all.
HELD_OUT, HELD_OUT_PART = 8, 0.25
#: From so many samples on there are enough to choose by others than those that calibrate.
ENOUGH = 4
#: At most so many samples choose.
CHOOSING = 16


@frozen
class Split:
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

    @property
    def rest(self) -> Subset:
        """All samples that are not held."""
        return Subset(self.samples, sorted([*self._calibration, *self._choosing]))


def split_samples(samples: Sequence[Mapping[str, Any]]) -> Split:
    """The samples by what they are for."""
    count = len(samples)
    held = _middle(range(count), min(HELD_OUT, max(1, int(count * HELD_OUT_PART))) if count > 1 else 0)
    rest = [place for place in range(count) if place not in held]
    choosing = _middle(rest, min(CHOOSING, int(count * HELD_OUT_PART)) if count >= ENOUGH else 0)
    return Split(samples, tuple(place for place in rest if place not in choosing), choosing, held)


def spread(samples: Sequence[Mapping[str, Any]], count: int) -> Subset:
    """At most so many of the samples, taken evenly."""
    return Subset(samples, evenly(range(len(samples)), count))


def evenly(places: Sequence[int], count: int) -> list[int]:
    """So many of the places, evenly from the first on."""
    step = max(1.0, len(places) / count) if count else 1.0
    return [places[int(number * step)] for number in range(min(count, len(places)))]


def _middle(places: Sequence[int], count: int) -> tuple[int, ...]:
    """So many of the places, each from the middle of its share."""
    step = len(places) / count if count else 1.0
    return tuple(places[int((number + 0.5) * step)] for number in range(count))
