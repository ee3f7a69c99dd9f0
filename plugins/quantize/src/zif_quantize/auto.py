"""Choosing the recipe of a precision by measuring: which weights, which method, on samples that are held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import onnx
from attrs import frozen

from zif_quantize.calibration.holdout import CHOOSING, parts
from zif_quantize.calibration.ranges import Ranges, calibrate, extended, needs_histograms
from zif_quantize.engine import quantize_model
from zif_quantize.measure import Judge, Reference, worst
from zif_quantize.recipes import Recipe, recipe
from zif_quantize.rewrites.prepare import prepare
from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    from zif.plugin import Progress, Source

    #: SQNR per output of a QDQ model.
    Measure = Callable[[onnx.ModelProto], Mapping[str, float]]

#: At most so many samples decide between recipes on a target: an emulator takes up to seconds for one.
CHOOSING_ON_TARGET = 6


@frozen
class Trial:
    """One recipe that was measured: SQNR in dB per output."""

    recipe: Recipe
    sqnr: Mapping[str, float]


@frozen(eq=False)
class Quantized:
    """The best model that was found, its recipe, the ranges that recipes were tried with, and every one that was.

    `sqnr`: in dB per output, on the CPU reference, over `held_out` samples by which nothing was calibrated or chosen; 0
    when there was one sample only, which then served for everything. `trials` are measured over `chosen_on` samples, of
    which `ranges` has not seen `chosen_unseen`; without a search, over the same as `sqnr`, and both are 0. The model is
    calibrated with all samples that are not held out.
    """

    model: onnx.ModelProto
    recipe: Recipe
    ranges: Ranges
    trials: tuple[Trial, ...]
    sqnr: Mapping[str, float]
    held_out: int
    chosen_on: int = 0
    chosen_unseen: int = 0


def auto_quantize(
    source: Source,
    samples: Iterable[Mapping[str, Any]],
    precision: str | Recipe = "w8a8",
    target: str = "",
    overrides: Mapping[str, str | Recipe] | None = None,
    search: bool = True,
    any_weights: bool = True,
    progress: Progress | None = None,
    ranges: Ranges | None = None,
) -> Quantized:
    """The QDQ model of the recipe that keeps the worst output closest to float.

    First the weights are chosen (per channel or per tensor, signed or not), then the method for activations; each
    candidate is measured on the CPU reference, or with the arithmetic of `target`, an emulator's included. Without
    `search` the recipe is taken as it is; without `any_weights` its weights are. samples: inputs by name each; which of
    them calibrate, choose and are held out is what `parts` says. All that are held out are read first, so that a wrong
    one is told before the work. overrides: as for `quantize_model`. ranges: what calibrating with the same samples and
    the same `search` gave before, for another precision. Raises what `calibrate` and `quantize_model` do.
    """
    model = prepare(source, target=target)
    base = recipe(precision, prepared_by(model))
    split = parts(samples if isinstance(samples, Sequence) else list(samples), choose=search)
    final = Judge(model, split.held or split.calibration)
    ranges = ranges or calibrate(model, split.calibration, search or needs_histograms([base.method]), progress)

    def make(one: Recipe, seen: Ranges = ranges) -> onnx.ModelProto:
        return quantize_model(model, seen, one, overrides)

    if not search:
        made = make(base)
        sqnr = final.sqnr(Reference(made))
        return Quantized(made, base, ranges, (Trial(base, sqnr),), sqnr, len(split.held))
    deciding = split.deciding(CHOOSING_ON_TARGET if target else CHOOSING)
    trials = _Trials(make, measure(Judge(model, deciding), target), progress)
    chosen = trials.best(weights(base) if any_weights else [base])
    chosen = trials.best([chosen, *methods(chosen)])
    made = trials.model
    if split.choosing:  # what has chosen may calibrate now
        made = make(chosen, extended(ranges, model, split.choosing, progress))
    unseen = min(len(split.choosing), len(deciding))
    rows = tuple(trials.rows.values())
    return Quantized(made, chosen, ranges, rows, final.sqnr(Reference(made)), len(split.held), len(deciding), unseen)


class _Trials:
    """Recipes that were measured, none twice, and the model of the best; of equals the first."""

    def __init__(self, make: Callable[[Recipe], onnx.ModelProto], measured: Measure, progress: Progress | None) -> None:
        self._make, self._measured, self._told = make, measured, progress or (lambda _: None)
        self.rows: dict[Recipe, Trial] = {}
        self.model = onnx.ModelProto()

    def best(self, candidates: Sequence[Recipe]) -> Recipe:
        """The best recipe so far, after these have been tried, too."""
        for one in candidates:
            if one not in self.rows:
                self._told(f"trying {describe(one)}")
                made = self._make(one)
                self.rows[one] = Trial(one, self._measured(made))
                self.model = made if self._leader() == one else self.model
        return self._leader()

    def _leader(self) -> Recipe:
        return max(self.rows, key=lambda one: worst(self.rows[one].sqnr))


def measure(judge: Judge, target: str = "") -> Measure:
    """SQNR of a QDQ model on the CPU reference, or on a target: on its accelerator wherever that takes a unit."""
    from zif_quantize.on_target import measured

    if target:
        return lambda proto: measured(judge, proto, target).sqnr
    return lambda proto: judge.sqnr(Reference(proto))


def weights(base: Recipe) -> list[Recipe]:
    """The recipe with its weights per channel and per tensor, where they have one scale signed and unsigned."""
    tensor = attrs.evolve(base, per_channel=False)
    signed = [attrs.evolve(one, tensor_weight="") for one in (base, tensor)]
    return list(dict.fromkeys([base, tensor, *signed]))


def methods(base: Recipe) -> list[Recipe]:
    """The recipe with every other way to find ranges."""
    others = [{"method": "percentile"}, {"method": "percentile", "percentile": 99.99}, {"method": "mse"}]
    return [attrs.evolve(base, **other) for other in others]  # type: ignore[arg-type]


def describe(one: Recipe) -> str:
    """A recipe in words: "w8a8, per channel, mse"."""
    method = f"{one.method} {one.percentile:g}" if one.method == "percentile" else one.method
    single = one.tensor_weight or one.weight
    if not one.per_channel:
        weights = f"{single} per tensor"
    else:
        weights = f"{one.weight} per channel" + (f" ({single} per tensor)" if single != one.weight else "")
    return f"{one.name}, {weights}, {method}"
