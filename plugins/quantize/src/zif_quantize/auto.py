"""Choosing the recipe of a precision by measuring, and the model that it makes of all samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import onnx
from attrs import define, field, frozen
from zif import ZifError
from zif.plugin import Subset

from zif_quantize.calibration.folds import CHOOSING, Folds, folded
from zif_quantize.calibration.holdout import evenly
from zif_quantize.calibration.ranges import Ranges, needs_histograms
from zif_quantize.choosing import Bench, chosen, surpasses
from zif_quantize.choosing import Trial as Trial
from zif_quantize.choosing import describe as describe
from zif_quantize.engine import quantize_model
from zif_quantize.measure import ratios, worst
from zif_quantize.recipes import Recipe, bits, recipe
from zif_quantize.rewrites.prepare import prepare
from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Progress, Source

#: Units are taken together into at most so many groups when those are looked for that a chip computes coarsely.
GROUPS = 64
#: With more bits than this the small channels have steps enough.
SMOOTHED_BITS = 8


@frozen(eq=False)
class Quantized:
    """The model of the recipe that was chosen, the recipe, the ranges over all samples, and every recipe tried.

    `sqnr`: in dB per output, on the CPU reference, over `held_out` samples, each run on a model that was calibrated
    without it; `spread` its standard error. With one sample, which has to serve for everything, `held_out` is 0.
    `target_sqnr`: the same on the target, over fewer samples, by `backends`, of which `emulated` are emulators.
    `trials`: over `chosen_on` samples, of which each had not calibrated what was measured on it (`chosen_unseen`); both
    are 0 where there was no choice. The model is calibrated with all samples. `smoothed`: whether factors of uneven
    channels were moved into weights, which changes weights and not what the model computes. `mended`: units that the
    target computes too coarsely, and the precision that they have instead.
    """

    model: onnx.ModelProto
    recipe: Recipe
    ranges: Ranges
    trials: tuple[Trial, ...]
    sqnr: Mapping[str, float]
    held_out: int
    chosen_on: int = 0
    chosen_unseen: int = 0
    spread: float = 0.0
    target_sqnr: Mapping[str, float] = field(factory=dict)
    backends: tuple[str, ...] = ()
    emulated: tuple[str, ...] = ()
    folds: Folds | None = field(default=None, repr=False)
    smoothed: bool = False
    mended: Mapping[str, str] = field(factory=dict)


def auto_quantize(
    source: Source,
    samples: Iterable[Mapping[str, Any]],
    precision: str | Recipe = "w8a8",
    target: str = "",
    overrides: Mapping[str, str | Recipe] | None = None,
    search: bool = True,
    any_weights: bool = True,
    progress: Progress | None = None,
    folds: Folds | None = None,
    free: bool = True,
) -> Quantized:
    """The QDQ model of the recipe that keeps the worst output closest to float.

    The samples are dealt out to folds; every candidate is measured on each fold by a model that was calibrated with the
    others, on the CPU reference, or with the arithmetic of `target`, an emulator's included. How one is chosen is what
    `zif_quantize.choosing` says. Without `search` the recipe is taken as it is; without `any_weights` its weights are.
    samples: inputs by name each; those to measure on are read first, so that a wrong one is told before the work.
    overrides: as for `quantize_model`. free: whether a search may mend units on the target and move factors of uneven
    channels into weights (`zif_quantize.rewrites.smoothing`). folds: what calibrating with the same samples gave
    before, for another precision. Raises what `calibrate` and `quantize_model` do.
    """
    model = prepare(source, target=target)
    base = recipe(precision, prepared_by(model))
    samples = samples if isinstance(samples, Sequence) else list(samples)
    told = progress or (lambda _: None)
    work = _Work(model, samples, target, overrides, told)
    work.calibrate(search or needs_histograms([base.method]), folds)
    best = chosen(work.bench, base, any_weights) if search else base
    if search and free and bits(best.activation) <= SMOOTHED_BITS and len(samples) > 1:
        work = _smoother(work, best)
    if search and free and target:
        work.mend(best)
    return work.result(best, search)


def _smoother(work: _Work, best: Recipe) -> _Work:
    """The same with uneven channels smoothed, where there are some and that is surely better."""
    from zif_quantize.rewrites.smoothing import smoothed

    model = smoothed(work.model, Subset(work.samples, evenly(range(len(work.samples)), CHOOSING)))
    if model is None:
        return work
    work.told("smoothing channels that are much larger than others")
    other = _Work(model, work.samples, work.target, work.overrides, work.told, smoothed=True)
    other.calibrate(best.method != "minmax")
    if not surpasses(other.bench, work.bench, best):
        return work
    other.before = work.bench.trials()
    return other


@define(eq=False)
class _Work:
    """A model with its samples in folds, and the benches that recipes are measured on."""

    model: Model
    samples: Sequence[Mapping[str, Any]]
    target: str
    overrides: Mapping[str, str | Recipe] | None
    told: Progress
    smoothed: bool = False
    mended: Mapping[str, str | Recipe] = field(factory=dict)
    before: tuple[Trial, ...] = ()
    here: Bench = field(init=False)
    there: Bench | None = field(init=False)
    folds: Folds = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.here = Bench(self.model, self.samples, self.make, "", self.told)
        self.there = Bench(self.model, self.samples, self.make, self.target, self.told) if self.target else None

    def make(self, recipe: Recipe, seen: Ranges) -> onnx.ModelProto:
        return quantize_model(self.model, seen, recipe, self.overrides)

    def calibrate(self, histograms: bool, folds: Folds | None = None) -> None:
        self.folds = folds or folded(self.model, self.samples, histograms, self.told)
        for bench in (self.here, self.there):
            if bench:
                bench.folds = self.folds

    @property
    def bench(self) -> Bench:
        """The one that decides."""
        return self.there or self.here

    def mend(self, best: Recipe) -> None:
        """Give units that the target computes more coarsely than their integers have to be another precision."""
        from zif_quantize.groups import groups
        from zif_quantize.mending import mended

        assert self.there is not None
        there, overridden = self.there, self.overrides or {}
        wanted, had = (worst(ratios(bench.rows(best, 1))) for bench in (self.here, there))

        def measured(levels: Mapping[str, str | Recipe]) -> float:
            self.told(f"looking for what {self.target} computes coarsely: {len(levels)} units in other precisions")
            made = quantize_model(self.model, self.folds.without(0), best, {**overridden, **levels})
            try:
                return worst(ratios(there.run(made)))
            except ZifError:
                return -math.inf

        candidates = [group for group in groups(self.model, GROUPS) if not overridden.keys() & set(group.units)]
        other = recipe("w8a16" if bits(best.activation) == 8 else "w8a8", prepared_by(self.model))
        self.mended = mended(measured, wanted, had, candidates, other)
        if self.mended:
            self.overrides, self.before = {**overridden, **self.mended}, (*self.before, *self.told_trials())
            self.here.forget()
            there.forget()

    def told_trials(self) -> tuple[Trial, ...]:
        """Every recipe that was tried on this model."""
        return tuple(attrs.evolve(trial, smoothed=self.smoothed) for trial in self.bench.trials())

    def result(self, best: Recipe, search: bool) -> Quantized:
        final = self.here.trial(best)
        on_target = self.there.trial(best) if self.there else None
        apart = self.folds.count > 1
        chose = self.bench.measured if search and apart else 0
        return Quantized(
            self.make(best, self.folds.everything),
            best,
            self.folds.everything,
            (*self.before, *self.told_trials()),
            final.sqnr,
            self.here.measured if apart else 0,
            chose,
            chose,
            final.spread,
            on_target.sqnr if on_target else {},
            self.there.backends if self.there else (),
            self.there.emulated if self.there else (),
            self.folds,
            self.smoothed,
            {unit: recipe if isinstance(recipe, str) else recipe.name for unit, recipe in self.mended.items()},
        )
