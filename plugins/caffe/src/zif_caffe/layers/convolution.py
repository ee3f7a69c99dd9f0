"""Convolution, Deconvolution and InnerProduct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from zif import InvalidModel

from zif_caffe.graph import Graph, axis_of, count, refuse, weights
from zif_caffe.network import Layer


def pair(params: Any, name: str, short: str, default: int, rank: int, layer: Layer) -> tuple[int, ...]:
    """A figure for each spatial dimension: one for all, one each, or `_h` and `_w`."""
    if params.HasField(f"{short}_h") or params.HasField(f"{short}_w"):
        return int(getattr(params, f"{short}_h") or default), int(getattr(params, f"{short}_w") or default)
    figure = getattr(params, name)
    values = (
        [int(value) for value in figure] if not isinstance(figure, int) else [figure] if params.HasField(name) else []
    )
    if len(values) not in (0, 1, rank):
        raise InvalidModel(
            f"layer {layer.name!r} ({layer.type}): {name} has {len(values)} values for {rank} dimensions"
        )
    return tuple(values) if len(values) == rank else (*(values or [default]),) * rank


def convolution(graph: Graph, layer: Layer) -> None:
    """y = w * x + b, also grouped and dilated."""
    params, shape = layer.params("convolution_param"), graph.shapes[layer.bottoms[0]]
    spatial = _spatial(shape, params, layer)
    for bottom, top in zip(layer.bottoms, layer.tops, strict=True):
        shape = graph.shapes[bottom]
        out = [
            (size + 2 * pad - (dilation * (kernel - 1) + 1)) // stride + 1
            for size, kernel, stride, pad, dilation in zip(shape[2:], *spatial, strict=True)
        ]
        _write(graph, layer, "Conv", bottom, top, spatial, out)


def deconvolution(graph: Graph, layer: Layer) -> None:
    """The transposed convolution."""
    params, shape = layer.params("convolution_param"), graph.shapes[layer.bottoms[0]]
    spatial = _spatial(shape, params, layer)
    for bottom, top in zip(layer.bottoms, layer.tops, strict=True):
        shape = graph.shapes[bottom]
        out = [
            stride * (size - 1) + dilation * (kernel - 1) + 1 - 2 * pad
            for size, kernel, stride, pad, dilation in zip(shape[2:], *spatial, strict=True)
        ]
        _write(graph, layer, "ConvTranspose", bottom, top, spatial, out)


_Spatial = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def _spatial(shape: Sequence[int], params: Any, layer: Layer) -> _Spatial:
    """Kernel, stride, pad and dilation, one for each spatial dimension."""
    rank = len(shape) - 2
    if axis_of(params.axis, len(shape), layer) != 1 or rank < 1:
        raise refuse(
            layer, f"channels at axis {params.axis} of {len(shape)} dimensions: transpose them to axis 1 before"
        )
    kernel = pair(params, "kernel_size", "kernel", 0, rank, layer)
    if 0 in kernel:
        raise InvalidModel(f"layer {layer.name!r} ({layer.type}) has no kernel_size")
    stride = pair(params, "stride", "stride", 1, rank, layer)
    pad = pair(params, "pad", "pad", 0, rank, layer)
    values = [int(value) for value in params.dilation] or [1]
    dilation = tuple(values) if len(values) == rank else (values[0],) * rank
    return kernel, stride, pad, dilation


def _write(
    graph: Graph, layer: Layer, op_type: str, bottom: str, top: str, spatial: _Spatial, out: Sequence[int]
) -> None:
    params = layer.params("convolution_param")
    kernel, stride, pad, dilation = spatial
    group = params.group
    if layer.type in ("ConvolutionDepthwise", "DepthwiseConvolution"):
        group = params.num_output
    channels, made = graph.shapes[bottom][1], params.num_output
    form = (made, channels // group, *kernel) if op_type == "Conv" else (channels, made // group, *kernel)
    arrays = weights(layer, 1 + params.bias_term, "weights" + " and a bias" * params.bias_term)
    if arrays[0].size != count(form):
        raise InvalidModel(
            f"layer {layer.name!r} ({layer.type}) needs weights of {list(form)} for {channels} channels, and has "
            f"{list(arrays[0].shape)}: the weights belong to another network"
        )
    inputs = [bottom, graph.constant(arrays[0].reshape(form), f"{layer.name}/weight")]
    if params.bias_term:
        inputs.append(graph.constant(arrays[1].reshape(-1), f"{layer.name}/bias"))
    graph.node(
        op_type,
        inputs,
        top,
        (graph.shapes[bottom][0], made, *out),
        kernel_shape=kernel,
        strides=stride,
        pads=(*pad, *pad),
        dilations=dilation,
        group=group,
    )


def inner_product(graph: Graph, layer: Layer) -> None:
    """Everything from `axis` on as one vector, times a matrix."""
    params, bottom = layer.params("inner_product_param"), layer.bottoms[0]
    shape = graph.shapes[bottom]
    axis = axis_of(params.axis, len(shape), layer)
    inner, made = count(shape[axis:]), params.num_output
    arrays = weights(layer, 1 + params.bias_term, "a matrix" + " and a bias" * params.bias_term)
    if arrays[0].size != inner * made:
        raise InvalidModel(
            f"layer {layer.name!r} ({layer.type}) needs a matrix of {made} × {inner}, and has "
            f"{list(arrays[0].shape)}: the weights belong to another network"
        )
    matrix = arrays[0].reshape((inner, made) if params.transpose else (made, inner))
    rows = count(shape[:axis])
    flat = bottom
    if len(shape) != 2 or axis != 1:
        form = graph.constant(np.array([rows, inner]), f"{layer.name}/rows")
        flat = graph.node("Reshape", [bottom, form], graph.inner(layer, "flat"), (rows, inner))
    inputs = [flat, graph.constant(matrix, f"{layer.name}/weight")]
    if params.bias_term:
        inputs.append(graph.constant(arrays[1].reshape(-1), f"{layer.name}/bias"))
    final = axis == 1
    product = layer.tops[0] if final else graph.inner(layer, "product")
    graph.node("Gemm", inputs, product, (rows, made), transB=int(not params.transpose))
    if not final:
        out = (*shape[:axis], made)
        graph.node(
            "Reshape", [product, graph.constant(np.array(out, np.int64), f"{layer.name}/shape")], layer.tops[0], out
        )


WRITERS = {
    "Convolution": convolution,
    "ConvolutionDepthwise": convolution,
    "DepthwiseConvolution": convolution,
    "Deconvolution": deconvolution,
    "InnerProduct": inner_product,
}
