"""BatchNorm, LRN, Softmax, MVN and Normalize."""

from __future__ import annotations

import numpy as np
from zif import InvalidModel

from zif_caffe.graph import Graph, axis_of, refuse, weights
from zif_caffe.network import Layer


def batch_norm(graph: Graph, layer: Layer, after: Layer | None = None) -> None:
    """(x - mean) / sqrt(variance + eps), with what was learned; `after` is a Scale that is folded into it."""
    params, bottom = layer.params("batch_norm_param"), layer.bottoms[0]
    if params.HasField("use_global_stats") and not params.use_global_stats:
        raise refuse(layer, "use_global_stats: false computes with the batch, as training does: set it to true")
    mean, variance, factor = weights(layer, 3, "mean, variance and their factor")
    by = 0.0 if factor.reshape(-1)[0] == 0 else 1 / float(factor.reshape(-1)[0])
    channels = graph.shapes[bottom][1] if len(graph.shapes[bottom]) > 1 else 1
    if mean.size != channels:
        raise InvalidModel(f"layer {layer.name!r} (BatchNorm) has {mean.size} means for {channels} channels")
    gain, bias = np.ones(channels), np.zeros(channels)
    if after is not None:
        arrays = weights(after, 1 + after.params("scale_param").bias_term, "factors")
        gain = arrays[0].reshape(-1)
        bias = arrays[1].reshape(-1) if len(arrays) > 1 else bias
    values = {"scale": gain, "bias": bias, "mean": mean.reshape(-1) * by, "var": variance.reshape(-1) * by}
    inputs = [bottom, *(graph.constant(array, f"{layer.name}/{word}") for word, array in values.items())]
    top = (after or layer).tops[0]
    graph.node("BatchNormalization", inputs, top, graph.shapes[bottom], epsilon=params.eps)


def foldable(layer: Layer, after: Layer, channels: int) -> bool:
    """Whether a Scale does to each channel of a BatchNorm what BatchNormalization can do itself."""
    if after.type != "Scale" or after.bottoms != layer.tops or after.params("scale_param").axis != 1:
        return False
    return bool(after.blobs) and all(blob.size == channels for blob in after.blobs)


def lrn(graph: Graph, layer: Layer) -> None:
    """x / (k + alpha / n · sum of squares) ^ beta, over channels or over a square of places."""
    params, bottom = layer.params("lrn_param"), layer.bottoms[0]
    shape, size = graph.shapes[bottom], params.local_size
    if size % 2 == 0:
        raise InvalidModel(f"layer {layer.name!r} (LRN) has local_size {size}, which must be odd")
    figures = {"alpha": params.alpha, "beta": params.beta}
    if params.norm_region == 0:
        graph.node("LRN", [bottom], layer.tops[0], shape, bias=params.k, size=size, **figures)
        return
    square = graph.node("Mul", [bottom, bottom], graph.inner(layer, "square"), shape)
    pads, kernel = [size // 2] * 4, [size, size]
    mean = graph.node(
        "AveragePool", [square], graph.inner(layer, "mean"), shape, kernel_shape=kernel, pads=pads, count_include_pad=1
    )
    scaled = graph.node(
        "Mul", [mean, graph.constant(params.alpha, f"{layer.name}/alpha")], graph.inner(layer, "m"), shape
    )
    more = graph.node("Add", [scaled, graph.constant(1.0, f"{layer.name}/one")], graph.inner(layer, "more"), shape)
    root = graph.node(
        "Pow", [more, graph.constant(params.beta, f"{layer.name}/beta")], graph.inner(layer, "root"), shape
    )
    graph.node("Div", [bottom, root], layer.tops[0], shape)


def softmax(graph: Graph, layer: Layer) -> None:
    """Along one axis."""
    bottom = layer.bottoms[0]
    shape = graph.shapes[bottom]
    axis = axis_of(layer.params("softmax_param").axis, len(shape), layer)
    graph.node("Softmax", [bottom], layer.tops[0], shape, axis=axis)


def mvn(graph: Graph, layer: Layer) -> None:
    """(x - mean) / (standard deviation + eps), each channel or all of them together."""
    params, bottom = layer.params("mvn_param"), layer.bottoms[0]
    shape = graph.shapes[bottom]
    axes = list(range(1 if params.across_channels else 2, len(shape)))
    reduced = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    mean = graph.mean(bottom, axes, graph.inner(layer, "mean"), reduced)
    if not params.normalize_variance:
        graph.node("Sub", [bottom, mean], layer.tops[0], shape)
        return
    centred = graph.node("Sub", [bottom, mean], graph.inner(layer, "centred"), shape)
    square = graph.node("Mul", [centred, centred], graph.inner(layer, "square"), shape)
    variance = graph.mean(square, axes, graph.inner(layer, "variance"), reduced)
    root = graph.node("Sqrt", [variance], graph.inner(layer, "deviation"), reduced)
    more = graph.node(
        "Add", [root, graph.constant(params.eps, f"{layer.name}/eps")], graph.inner(layer, "more"), reduced
    )
    graph.node("Div", [centred, more], layer.tops[0], shape)


def normalize(graph: Graph, layer: Layer) -> None:
    """x / sqrt(sum of squares + eps) over channels, or over the whole of a picture; then a factor for each channel."""
    params, bottom = layer.params("norm_param"), layer.bottoms[0]
    shape = graph.shapes[bottom]
    axes = list(range(1, len(shape))) if params.across_spatial else [1]
    reduced = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    square = graph.node("Mul", [bottom, bottom], graph.inner(layer, "square"), shape)
    axis_input = graph.constant(np.array(axes), f"{layer.name}/axes")
    total = graph.node("ReduceSum", [square, axis_input], graph.inner(layer, "sum"), reduced, keepdims=1)
    more = graph.node(
        "Add", [total, graph.constant(params.eps, f"{layer.name}/eps")], graph.inner(layer, "more"), reduced
    )
    norm = graph.node("Sqrt", [more], graph.inner(layer, "norm"), reduced)
    unit = graph.node("Div", [bottom, norm], graph.inner(layer, "unit"), shape)
    (factor,) = weights(layer, 1, "factors")
    form = factor.reshape(-1) if factor.size == 1 else factor.reshape((-1, *(1,) * (len(shape) - 2)))
    graph.node("Mul", [unit, graph.constant(form, f"{layer.name}/scale")], layer.tops[0], shape)


WRITERS = {
    "BatchNorm": batch_norm,
    "LRN": lrn,
    "Softmax": softmax,
    "MVN": mvn,
    "Normalize": normalize,
}
