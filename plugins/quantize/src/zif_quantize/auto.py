"""Choosing the recipe of a precision by measuring, and the model that it makes of all samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import onnx
from attrs import define, field, frozen
from zif.plugin import Subset

from zif_quantize.calibration.folds import CHOOSING, Folds, folded
from zif_quantize.calibration.holdout import evenly
from zif_quantize.calibration.ranges import Ranges, needs_histograms
from zif_quantize.choosing import Bench, chosen, surpasses
from zif_quantize.choosing import Trial as Trial
from zif_quantize.choosing import describe as describe
from zif_quantize.engine import quantize_model
from zif_quantize.recipes import Recipe, bits, recipe
from zif_quantize.rewrites.prepare import prepare
from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Progress, Source

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
    channels were moved into weights, which changes weights and not what the model computes.
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
    smooth: bool = True,
) -> Quantized:
    """The QDQ model of the recipe that keeps the worst output closest to float.

    The samples are dealt out to folds; every candidate is measured on each fold by a model that was calibrated with the
    others, on the CPU reference, or with the arithmetic of `target`, an emulator's included. How one is chosen is what
    `zif_quantize.choosing` says. Without `search` the recipe is taken as it is; without `any_weights` its weights are.
    samples: inputs by name each; those to measure on are read first, so that a wrong one is told before the work.
    overrides: as for `quantize_model`. smooth: whether a search may move factors of uneven channels into weights
    (`zif_quantize.rewrites.smoothing`). folds: what calibrating with the same samples gave before, for another
    precision. Raises what `calibrate` and `quantize_model` do.
    """
    model = prepare(source, target=target)
    base = recipe(precision, prepared_by(model))
    samples = samples if isinstance(samples, Sequence) else list(samples)
    told = progress or (lambda _: None)
    work = _Work(model, samples, target, overrides, told)
    work.calibrate(search or needs_histograms([base.method]), folds)
    best = chosen(work.bench, base, any_weights) if search else base
    if search and smooth and bits(best.activation) <= SMOOTHED_BITS and len(samples) > 1:
        work = _smoother(work, best)
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
    before: tuple[Trial, ...] = ()
    here: Bench = field(init=False)
    there: Bench | None = field(init=False)
    folds: Folds = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.here = Bench(self.model, self.samples, self.make, "", self.told)
        self.there = Bench(self.model, self.samples, self.make, self.target, self.told) if self.target else None

    def make(self, one: Recipe, seen: Ranges) -> onnx.ModelProto:
        return quantize_model(self.model, seen, one, self.overrides)

    def calibrate(self, histograms: bool, folds: Folds | None = None) -> None:
        self.folds = folds or folded(self.model, self.samples, histograms, self.told)
        for bench in (self.here, self.there):
            if bench:
                bench.folds = self.folds

    @property
    def bench(self) -> Bench:
        """The one that decides."""
        return self.there or self.here

    def result(self, best: Recipe, search: bool) -> Quantized:
        final = self.here.trial(best)
        on_target = self.there.trial(best) if self.there else None
        apart = self.folds.count > 1
        chose = self.bench.measured if search and apart else 0
        return Quantized(
            self.make(best, self.folds.everything),
            best,
            self.folds.everything,
            (*self.before, *(attrs.evolve(one, smoothed=self.smoothed) for one in self.bench.trials())),
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
        )
