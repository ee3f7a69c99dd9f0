"""From a histogram to a range: percentile, entropy and mean squared error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zif_quantize.ort.tools import quiet, tools

if TYPE_CHECKING:
    from zif.plugin import Array

    from zif_quantize.recipes import Recipe

    Pair = tuple[float, float]

#: Bins that the entropy search works on, and into how many it merges them.
ENTROPY_BINS, ENTROPY_QUANTIZED = 512, 128
#: The parts of a range that the search for the least squared error tries for each end.
SHRINK = np.linspace(1.0, 0.2, 33)


class Observed(Protocol):
    """What calibration saw of each tensor: the least and greatest value, and counts per bin with the bins' edges."""

    @property
    def limits(self) -> Mapping[str, Pair]: ...

    @property
    def histograms(self) -> Mapping[str, tuple[Array, Array]]: ...


def chosen(ranges: Observed, recipe: Recipe) -> dict[str, Pair]:
    """The range of each tensor by the recipe's method; the observed one where there is no histogram."""
    find = {"percentile": _percentile, "entropy": _entropy, "mse": _mse}[recipe.method]
    pairs = dict(ranges.limits)
    with quiet():
        pairs.update(find(ranges, recipe))
    return pairs


def _collector(ranges: Observed, recipe: Recipe, method: str, bins: int) -> Any:
    """onnxruntime's collector with the histograms in it, merged to `bins` bins."""
    made = tools("calibrate").HistogramCollector(method, False, bins, ENTROPY_QUANTIZED, recipe.percentile, "same")
    for name, (counts, edges) in ranges.histograms.items():
        step = len(counts) // bins
        low, high = (np.float32(end) for end in ranges.limits[name])
        merged = counts.reshape(bins, step).sum(axis=1)
        made.histogram_dict[name] = (merged, edges[::step], low, high, edges[-1])
    return made


def _percentile(ranges: Observed, recipe: Recipe) -> dict[str, Pair]:
    bins = len(next(iter(ranges.histograms.values()))[0])
    return _pairs(_collector(ranges, recipe, "percentile", bins).compute_percentile())


def _entropy(ranges: Observed, recipe: Recipe) -> dict[str, Pair]:
    return _pairs(_collector(ranges, recipe, "entropy", ENTROPY_BINS).compute_entropy())


def _pairs(limits: Any) -> dict[str, Pair]:
    return {name: (float(row[0]), float(row[1])) for name, row in limits.items()}


def _mse(ranges: Observed, recipe: Recipe) -> dict[str, Pair]:
    return {name: _least_error(*ranges.histograms[name], ranges.limits[name], recipe) for name in ranges.histograms}


def _least_error(counts: Array, edges: Array, limits: Pair, recipe: Recipe) -> Pair:
    """The part of the observed range that quantizes the histogram best: first one end is moved in, then the other."""
    kept = counts > 0
    centers = np.clip((edges[:-1] + edges[1:])[kept] / 2, *limits).astype(np.float32)
    weights = counts[kept].astype(np.float64)
    low, high = limits

    def error(pair: Pair) -> float:
        return float(weights @ np.square(requantized(centers, pair, recipe).astype(np.float64) - centers))

    high = float(min((high * part for part in SHRINK), key=lambda end: error((low, end))))
    low = float(min((low * part for part in SHRINK), key=lambda end: error((end, high))))
    return low, high


def requantized(values: Array, pair: Pair, recipe: Recipe) -> Array:
    """The values after quantizing to the recipe's activation type over a range, and back."""
    helpers = tools("quant_utils")
    kind = onnx_type(recipe.activation)
    ends = [np.array(end, np.float32) for end in pair]
    lowest, highest = helpers.get_qmin_qmax_for_qType(kind, symmetric=recipe.symmetric)
    zero, scale = helpers.compute_scale_zp(*ends, lowest, highest, recipe.symmetric)
    stored: Array = helpers.quantize_nparray(kind, values, scale, zero)
    result: Array = (stored.astype(np.float32) - np.float32(zero)) * np.float32(scale)
    return result


def onnx_type(dtype: str) -> int:
    """ONNX's number for an element type's name."""
    from onnx import TensorProto

    return int(TensorProto.DataType.Value(dtype.upper()))
