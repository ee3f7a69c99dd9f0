"""Samples in folds: each has ranges of its own, so that what leaves one out is known without running anything again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
from zif.plugin import Subset

from zif_quantize.calibration.holdout import evenly
from zif_quantize.calibration.ranges import Ranges, calibrate, joined

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Progress

#: At most so many folds; each is one more model to quantize for every recipe that is tried.
FOLDS = 4
#: At most so many samples choose; more make the choice steadier, not better.
CHOOSING = 16


@attrs.define(eq=False, slots=False)
class Folds:
    """Samples dealt out to folds in turn, and the ranges of each fold."""

    samples: Sequence[Mapping[str, Any]] = attrs.field(repr=False)
    ranges: tuple[Ranges, ...] = attrs.field(repr=False)

    @property
    def count(self) -> int:
        """How many folds there are: one for a single sample, which then has to serve for everything."""
        return len(self.ranges)

    @cached_property
    def everything(self) -> Ranges:
        """The ranges over all samples."""
        return joined(self.ranges)

    def without(self, fold: int) -> Ranges:
        """The ranges over all samples but those of a fold; of a single fold its own."""
        if self.count == 1:
            return self.ranges[0]
        if fold not in self._without:
            self._without[fold] = joined([ranges for place, ranges in enumerate(self.ranges) if place != fold])
        return self._without[fold]

    @cached_property
    def _without(self) -> dict[int, Ranges]:
        return {}


def dealt(samples: Sequence[Mapping[str, Any]]) -> list[Subset]:
    """The samples of each fold: every fourth, so that a change on the way is in all of them."""
    count = min(FOLDS, len(samples))
    return [Subset(samples, range(fold, len(samples), count)) for fold in range(count)]


def judging(part: Subset, folds: int, most: int = CHOOSING) -> Subset:
    """The samples of a fold to measure on, taken evenly, such that all folds have at most so many."""
    return Subset(part, evenly(range(len(part)), max(1, math.ceil(most / folds))))


def folded(
    model: Model, samples: Sequence[Mapping[str, Any]], histograms: bool, progress: Progress | None = None
) -> Folds:
    """Calibrate every fold. Raises what `calibrate` does."""
    return Folds(samples, tuple(calibrate(model, part, histograms, progress) for part in dealt(samples)))
