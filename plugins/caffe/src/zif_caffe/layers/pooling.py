"""Pooling with Caffe's rounding, SPP and ROIPooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from zif import InvalidModel

from zif_caffe.graph import Graph, refuse
from zif_caffe.layers.convolution import pair
from zif_caffe.network import Layer

MAX, AVE = 0, 1


class Window(NamedTuple):
    """Pooling along one dimension. Caffe rounds the places up, so that the last window may reach beyond the pad."""

    size: int
    kernel: int
    stride: int
    pad: int
    up: bool = True

    @property
    def places(self) -> int:
        """As `PoolingLayer::Reshape` has it."""
        room = self.size + 2 * self.pad - self.kernel
        places = (math.ceil(room / self.stride) if self.up else room // self.stride) + 1
        if self.pad and (places - 1) * self.stride >= self.size + self.pad:
            places -= 1
        return places

    @property
    def end(self) -> int:
        """What has to stand behind the last value for the last window to be whole."""
        return max(0, (self.places - 1) * self.stride + self.kernel - self.size - self.pad)

    def counted(self) -> np.ndarray:
        """Over how many values each window's mean goes: those within the pad, of the windows that are cut there."""
        starts = np.arange(self.places) * self.stride - self.pad
        ends = np.minimum(starts + self.kernel, self.size + self.pad)
        return (ends - starts).astype(np.float64)


def pooling(graph: Graph, layer: Layer) -> None:
    """Maximum or mean; the mean counts zeros of the pad, and none beyond it."""
    params, bottom = layer.params("pooling_param"), layer.bottoms[0]
    shape = graph.shapes[bottom]
    if len(shape) != 4:
        raise InvalidModel(f"layer {layer.name!r} (Pooling) needs an input of 4 dimensions, not {len(shape)}")
    if params.pool not in (MAX, AVE):
        raise refuse(layer, "stochastic pooling is for training: use MAX or AVE")
    if len(layer.tops) > 1:
        raise refuse(layer, "its second top, the places of the maxima, has no form here: take it away")
    if params.global_pooling:
        op_type = "GlobalMaxPool" if params.pool == MAX else "GlobalAveragePool"
        graph.node(op_type, [bottom], layer.tops[0], (*shape[:2], 1, 1))
        return
    kernel = pair(params, "kernel_size", "kernel", 0, 2, layer)
    if 0 in kernel:
        raise InvalidModel(f"layer {layer.name!r} (Pooling) has no kernel_size")
    stride, pad = pair(params, "stride", "stride", 1, 2, layer), pair(params, "pad", "pad", 0, 2, layer)
    up = params.round_mode == 0 and params.ceil_mode
    windows = [Window(*figures, up) for figures in zip(shape[2:], kernel, stride, pad, strict=True)]
    pool(graph, layer, bottom, layer.tops[0], windows, params.pool)


def pool(graph: Graph, layer: Layer, bottom: str, top: str, windows: Sequence[Window], method: int) -> str:
    """The nodes for windows along two dimensions."""
    if any(window.places < 1 for window in windows):
        raise InvalidModel(f"layer {layer.name!r} ({layer.type}): its kernel is larger than its input")
    shape = (*graph.shapes[bottom][:2], *(window.places for window in windows))
    about = {
        "kernel_shape": [window.kernel for window in windows],
        "strides": [window.stride for window in windows],
        "pads": [*(window.pad for window in windows), *(window.end for window in windows)],
    }
    if method == MAX:
        return graph.node("MaxPool", [bottom], top, shape, **about)
    graph.room(windows[0].places * windows[1].places)
    counted = np.outer(windows[0].counted(), windows[1].counted())
    whole = windows[0].kernel * windows[1].kernel
    if (counted == whole).all():
        return graph.node("AveragePool", [bottom], top, shape, count_include_pad=1, **about)
    mean = graph.node("AveragePool", [bottom], graph.inner(layer, "mean"), shape, count_include_pad=1, **about)
    factor = graph.constant((whole / counted)[None, None], f"{layer.name}/whole")
    return graph.node("Mul", [mean, factor], top, shape)


def spp(graph: Graph, layer: Layer) -> None:
    """Spatial pyramid pooling: 1, 4, 16 … bins, one after the other."""
    params, bottom = layer.params("spp_param"), layer.bottoms[0]
    batch, channels, *sizes = graph.shapes[bottom]
    if params.pyramid_height > 1 + max(sizes).bit_length():
        raise InvalidModel(f"layer {layer.name!r} (SPP) has more bins than its input of {sizes} has places")
    rows = []
    for level in range(params.pyramid_height):
        bins = 2**level
        windows = [_bin(size, bins) for size in sizes]
        pooled = pool(graph, layer, bottom, graph.inner(layer, f"level{level}"), windows, params.pool)
        form = (batch, channels * bins * bins)
        rows.append(_flat(graph, layer, pooled, form, level))
    total = sum(graph.shapes[row][1] for row in rows)
    graph.node("Concat", rows, layer.tops[0], (batch, total), axis=1)


def _bin(size: int, bins: int) -> Window:
    kernel = math.ceil(size / bins)
    return Window(size, kernel, kernel, (kernel * bins - size + 1) // 2)


def _flat(graph: Graph, layer: Layer, value: str, form: tuple[int, int], level: int) -> str:
    shape = graph.constant(np.array(form), f"{layer.name}/flat{level}")
    return graph.node("Reshape", [value, shape], graph.inner(layer, f"row{level}"), form)


def roi_pooling(graph: Graph, layer: Layer) -> None:
    """Maxima of regions; a region is its batch and four corners."""
    params, (features, regions) = layer.params("roi_pooling_param"), layer.bottoms
    size = (params.pooled_h, params.pooled_w)
    shape = (graph.shapes[regions][0], graph.shapes[features][1], *size)
    boxes = regions
    if len(graph.shapes[regions]) != 2:
        form = graph.constant(np.array([-1, 5]), f"{layer.name}/boxes")
        boxes = graph.node("Reshape", [regions, form], graph.inner(layer, "boxes"), (shape[0], 5))
    graph.node(
        "MaxRoiPool", [features, boxes], layer.tops[0], shape, pooled_shape=size, spatial_scale=params.spatial_scale
    )


WRITERS = {"Pooling": pooling, "SPP": spp, "ROIPooling": roi_pooling}
