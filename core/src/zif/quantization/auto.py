"""Choosing the recipe of a precision by measuring: which weights, which method, on samples that are held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import onnx
from attrs import frozen

from zif.quantization.calibration import Ranges, calibrate, needs_histograms
from zif.quantization.engine import quantize_model
from zif.quantization.measure import Judge, Reference, worst
from zif.quantization.prepare import prepare
from zif.quantization.recipe import Recipe, recipe
from zif.quantization.samples import Subset

if TYPE_CHECKING:
    from zif.arguments import Progress, Source

    #: SQNR per output of a QDQ model.
    Measure = Callable[[onnx.ModelProto], Mapping[str, float]]

#: At most so many samples are held out, and at most this part of all.
HELD_OUT, HELD_OUT_PART = 8, 0.25
#: At most so many samples decide between recipes; more make the choice steadier, not better.
JUDGED, JUDGED_ON_TARGET = 16, 6


@frozen
class Trial:
    """One recipe that was measured: SQNR in dB per output."""

    recipe: Recipe
    sqnr: Mapping[str, float]


@frozen(eq=False)
class Quantized:
    """The best model that was found, its recipe, the ranges it was made with, and every recipe that was measured.

    `sqnr`: in dB per output, on the CPU reference, over `held_out` samples that calibration never saw; 0 when there was
    one sample only, which then served for both. The trials are measured on all kinds of samples.
    """

    model: onnx.ModelProto
    recipe: Recipe
    ranges: Ranges
    trials: tuple[Trial, ...]
    sqnr: Mapping[str, float]
    held_out: int


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
    `search` the recipe is taken as it is; without `any_weights` its weights are. overrides: as for `quantize_model`.
    ranges: what calibrating with the same samples gave before, for another precision. Raises what `calibrate` and
    `quantize_model` do.
    """
    model, base = prepare(source), recipe(precision)
    given = samples if isinstance(samples, Sequence) else list(samples)
    calibration, held = split(given)
    histograms = search or needs_histograms([base.method])
    ranges = ranges or calibrate(model, calibration, histograms, progress)
    judge = Judge(model, spread(given, JUDGED_ON_TARGET if target else JUDGED))
    measured = measure(judge, target)
    trials: dict[Recipe, tuple[onnx.ModelProto, Mapping[str, float]]] = {}

    def best(candidates: Sequence[Recipe]) -> Recipe:
        for one in candidates:
            if one not in trials:
                if progress:
                    progress(f"trying {describe(one)}")
                made = quantize_model(model, ranges, one, overrides)
                trials[one] = made, measured(made)
        return max(trials, key=lambda one: worst(trials[one][1]))

    chosen = best(weights(base) if search and any_weights else [base])
    chosen = best([chosen, *methods(chosen)]) if search else chosen
    rows = tuple(Trial(one, sqnr) for one, (_, sqnr) in trials.items())
    told = Judge(model, held or calibration).sqnr(Reference(trials[chosen][0]))
    return Quantized(trials[chosen][0], chosen, ranges, rows, told, len(held))


def measure(judge: Judge, target: str = "") -> Measure:
    """SQNR of a QDQ model on the CPU reference, or on a target: on its accelerator wherever that takes a unit."""

    def there(proto: onnx.ModelProto) -> Mapping[str, float]:
        from zif import api

        with api.load(proto, target=target, policy="power", cache=False) as session:
            return judge.sqnr(session)

    return there if target else lambda proto: judge.sqnr(Reference(proto))


def spread(samples: Sequence[Mapping[str, Any]], count: int) -> Sequence[Mapping[str, Any]]:
    """At most so many of the samples, taken evenly."""
    step = max(1.0, len(samples) / count)
    return Subset(samples, [int(place * step) for place in range(min(count, len(samples)))])


def split(samples: Sequence[Mapping[str, Any]]) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    """Samples for calibration and samples to measure on, taken evenly; one sample alone is for calibration."""
    count = min(HELD_OUT, max(1, int(len(samples) * HELD_OUT_PART))) if len(samples) > 1 else 0
    step = len(samples) / count if count else 1.0
    held = {int((place + 0.5) * step) for place in range(count)}
    places = range(len(samples))
    return Subset(samples, [k for k in places if k not in held]), Subset(samples, sorted(held))


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
