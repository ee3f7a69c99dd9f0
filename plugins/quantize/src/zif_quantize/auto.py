"""Choosing the recipe of a precision by measuring, and the model that it makes of all samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import onnx
from attrs import field, frozen

from zif_quantize.calibration.folds import Folds, folded
from zif_quantize.calibration.ranges import Ranges, needs_histograms
from zif_quantize.choosing import Bench, chosen
from zif_quantize.choosing import Trial as Trial
from zif_quantize.choosing import describe as describe
from zif_quantize.engine import quantize_model
from zif_quantize.recipes import Recipe, recipe
from zif_quantize.rewrites.prepare import prepare
from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    from zif.plugin import Progress, Source


@frozen(eq=False)
class Quantized:
    """The model of the recipe that was chosen, the recipe, the ranges over all samples, and every recipe tried.

    `sqnr`: in dB per output, on the CPU reference, over `held_out` samples, each run on a model that was calibrated
    without it; `spread` its standard error. With one sample, which has to serve for everything, `held_out` is 0.
    `target_sqnr`: the same on the target, over fewer samples, by `backends`, of which `emulated` are emulators.
    `trials`: over `chosen_on` samples, of which each had not calibrated what was measured on it (`chosen_unseen`); both
    are 0 where there was no choice. The model is calibrated with all samples.
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
) -> Quantized:
    """The QDQ model of the recipe that keeps the worst output closest to float.

    The samples are dealt out to folds; every candidate is measured on each fold by a model that was calibrated with the
    others, on the CPU reference, or with the arithmetic of `target`, an emulator's included. How one is chosen is what
    `zif_quantize.choosing` says. Without `search` the recipe is taken as it is; without `any_weights` its weights are.
    samples: inputs by name each; those to measure on are read first, so that a wrong one is told before the work.
    overrides: as for `quantize_model`. folds: what calibrating with the same samples gave before, for another
    precision. Raises what `calibrate` and `quantize_model` do.
    """
    model = prepare(source, target=target)
    base = recipe(precision, prepared_by(model))
    samples = samples if isinstance(samples, Sequence) else list(samples)
    told = progress or (lambda _: None)

    def make(one: Recipe, seen: Ranges) -> onnx.ModelProto:
        return quantize_model(model, seen, one, overrides)

    here = Bench(model, samples, make, "", told)
    there = Bench(model, samples, make, target, told) if target else None
    folds = folds or folded(model, samples, search or needs_histograms([base.method]), progress)
    bench = there or here
    for one in (here, there):
        if one:
            one.folds = folds
    best = chosen(bench, base, any_weights) if search else base
    final = here.trial(best)
    on_target = there.trial(best) if there else None
    apart = folds.count > 1
    chose = bench.measured if search and apart else 0
    return Quantized(
        make(best, folds.everything),
        best,
        folds.everything,
        bench.trials(),
        final.sqnr,
        here.measured if apart else 0,
        chose,
        chose,
        final.spread,
        on_target.sqnr if on_target else {},
        there.backends if there else (),
        there.emulated if there else (),
        folds,
    )
