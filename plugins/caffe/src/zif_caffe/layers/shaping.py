"""Layers that move, cut, join and resize."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from zif import InvalidModel

from zif_caffe.graph import Graph, axis_of, count, refuse
from zif_caffe.network import Layer


def reshaped(graph: Graph, layer: Layer, shape: Sequence[int], value: str = "", top: str = "") -> None:
    """A Reshape to known dimensions."""
    form = graph.constant(np.array(shape, np.int64), f"{layer.name}/shape")
    graph.node("Reshape", [value or layer.bottoms[0], form], top or layer.tops[0], tuple(shape))


def reshape(graph: Graph, layer: Layer) -> None:
    """0 keeps a dimension, -1 is what is left; `axis` and `num_axes` say which part is replaced."""
    params, shape = layer.params("reshape_param"), graph.shapes[layer.bottoms[0]]
    start = params.axis if params.axis >= 0 else len(shape) + params.axis + 1
    end = len(shape) if params.num_axes == -1 else start + params.num_axes
    if not 0 <= start <= end <= len(shape):
        raise InvalidModel(f"layer {layer.name!r} (Reshape): its input has {len(shape)} dimensions, not {end}")
    middle = [
        shape[start + place] if dim == 0 and start + place < len(shape) else int(dim)
        for place, dim in enumerate(params.shape.dim)
    ]
    out = [*shape[:start], *middle, *shape[end:]]
    if out.count(-1) == 1:
        rest = count([dim for dim in out if dim != -1])
        out[out.index(-1)] = count(shape) // rest if rest else 0
    if count(out) != count(shape):
        raise InvalidModel(f"layer {layer.name!r} (Reshape): {list(shape)} cannot become {out}")
    reshaped(graph, layer, out)


def flatten(graph: Graph, layer: Layer) -> None:
    """The axes from `axis` to `end_axis` as one."""
    params, shape = layer.params("flatten_param"), graph.shapes[layer.bottoms[0]]
    start, end = (axis_of(axis, len(shape), layer) for axis in (params.axis, params.end_axis))
    reshaped(graph, layer, [*shape[:start], count(shape[start : end + 1]), *shape[end + 1 :]])


def split(graph: Graph, layer: Layer) -> None:
    """The same for several readers."""
    for top in layer.tops:
        graph.node("Identity", [layer.bottoms[0]], top, graph.shapes[layer.bottoms[0]])


def concat(graph: Graph, layer: Layer) -> None:
    """Blobs one after the other along an axis."""
    params = layer.params("concat_param")
    shapes = [graph.shapes[bottom] for bottom in layer.bottoms]
    dim = params.concat_dim if params.HasField("concat_dim") else params.axis
    axis = axis_of(dim, len(shapes[0]), layer)
    rests = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rests) > 1:
        raise InvalidModel(f"layer {layer.name!r} (Concat) joins {[list(shape) for shape in shapes]} along axis {axis}")
    out = (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])
    graph.node("Concat", layer.bottoms, layer.tops[0], out, axis=axis)


def slice_(graph: Graph, layer: Layer) -> None:
    """Pieces along an axis, at points or of equal size."""
    params, shape = layer.params("slice_param"), graph.shapes[layer.bottoms[0]]
    axis = axis_of(params.slice_dim if params.HasField("slice_dim") else params.axis, len(shape), layer)
    points = [0, *params.slice_point, shape[axis]]
    sizes = [end - begin for begin, end in pairwise(points)]
    if not params.slice_point:
        sizes = [shape[axis] // len(layer.tops)] * len(layer.tops)
    if len(sizes) != len(layer.tops) or min(sizes) < 1 or sum(sizes) != shape[axis]:
        raise InvalidModel(f"layer {layer.name!r} (Slice) cuts {shape[axis]} into {sizes} for {len(layer.tops)} tops")
    lengths = graph.constant(np.array(sizes), f"{layer.name}/split")
    graph.node("Split", [layer.bottoms[0], lengths], layer.tops, None, axis=axis)
    for top, size in zip(layer.tops, sizes, strict=True):
        graph.shapes[top] = (*shape[:axis], size, *shape[axis + 1 :])


def crop(graph: Graph, layer: Layer) -> None:
    """The first blob cut to the size of the second, from `axis` on."""
    params, (value, like) = layer.params("crop_param"), layer.bottoms
    shape, wanted = graph.shapes[value], graph.shapes[like]
    axis = axis_of(params.axis, len(shape), layer)
    offsets = list(params.offset) or [0]
    offsets = offsets * (len(shape) - axis) if len(offsets) == 1 else offsets
    axes = list(range(axis, len(shape)))
    ends = [offset + wanted[place] for place, offset in zip(axes, offsets, strict=True)]
    if any(end > shape[place] for place, end in zip(axes, ends, strict=True)):
        raise InvalidModel(f"layer {layer.name!r} (Crop): {list(wanted)} at {offsets} is not inside of {list(shape)}")
    texts = {"starts": offsets, "ends": ends, "axes": axes}
    inputs = [value, *(graph.constant(np.array(array), f"{layer.name}/{word}") for word, array in texts.items())]
    graph.node("Slice", inputs, layer.tops[0], (*shape[:axis], *wanted[axis:]))


def permute(graph: Graph, layer: Layer) -> None:
    """Axes in another order; those that are not named follow."""
    shape = graph.shapes[layer.bottoms[0]]
    order = [int(axis) for axis in layer.params("permute_param").order]
    order += [axis for axis in range(len(shape)) if axis not in order]
    graph.node("Transpose", layer.bottoms, layer.tops[0], tuple(shape[axis] for axis in order), perm=order)


def tile(graph: Graph, layer: Layer) -> None:
    """Copies along an axis."""
    params, shape = layer.params("tile_param"), graph.shapes[layer.bottoms[0]]
    axis = axis_of(params.axis, len(shape), layer)
    times = [params.tiles if place == axis else 1 for place in range(len(shape))]
    repeats = graph.constant(np.array(times), f"{layer.name}/repeats")
    out = tuple(size * by for size, by in zip(shape, times, strict=True))
    graph.node("Tile", [layer.bottoms[0], repeats], layer.tops[0], out)


def shuffle_channel(graph: Graph, layer: Layer) -> None:
    """Channels of several groups, one of each in turn."""
    group, shape = layer.params("shuffle_channel_param").group, graph.shapes[layer.bottoms[0]]
    batch, channels, *rest = shape
    inner = (batch, group, channels // group, *rest)
    value = graph.inner(layer, "groups")
    reshaped(graph, layer, inner, top=value)
    turned = (batch, channels // group, group, *rest)
    value = graph.node(
        "Transpose", [value], graph.inner(layer, "turned"), turned, perm=[0, 2, 1, *range(3, len(inner))]
    )
    reshaped(graph, layer, shape, value)


def interp(graph: Graph, layer: Layer) -> None:
    """Bilinear, corners on corners; DeepLab's and PSPNet's."""
    params, shape = layer.params("interp_param"), graph.shapes[layer.bottoms[0]]
    if params.pad_beg or params.pad_end:
        raise refuse(layer, "pad_beg and pad_end cut the input before it is resized: use a Crop")
    size = [_resized(dim, params, word) for dim, word in zip(shape[2:], ("height", "width"), strict=True)]
    resized(graph, layer, size, mode="linear", coordinate_transformation_mode="align_corners")


def _resized(size: int, params: Any, word: str) -> int:
    value = getattr(params, word)
    if value:
        return int(value)
    if params.shrink_factor > 1:
        size = (size - 1) // params.shrink_factor + 1
    return int(size + (size - 1) * (params.zoom_factor - 1))


def upsample(graph: Graph, layer: Layer) -> None:
    """Each value repeated."""
    params, shape = layer.params("upsample_param"), graph.shapes[layer.bottoms[0]]
    if len(layer.bottoms) > 1:
        raise refuse(layer, "upsampling to the places of a pooling's maxima has no form here: use a Deconvolution")
    by = (params.scale_h or params.scale, params.scale_w or params.scale)
    size = [dim * factor for dim, factor in zip(shape[2:], by, strict=True)]
    resized(graph, layer, size, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def resized(graph: Graph, layer: Layer, size: Sequence[int], **about: str) -> None:
    """A Resize of the last two dimensions."""
    out = (*graph.shapes[layer.bottoms[0]][:2], *size)
    sizes = graph.constant(np.array(out), f"{layer.name}/sizes")
    graph.node("Resize", [layer.bottoms[0], "", "", sizes], layer.tops[0], out, **about)


WRITERS = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Split": split,
    "Concat": concat,
    "Slice": slice_,
    "Crop": crop,
    "Permute": permute,
    "Tile": tile,
    "ShuffleChannel": shuffle_channel,
    "Interp": interp,
    "Upsample": upsample,
}
