"""Layers that compute each element by itself, or elements of several blobs with each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zif_caffe.graph import Graph, axis_of, refuse, weights
from zif_caffe.network import Layer

Attributes = Callable[[Layer], dict[str, Any]]


def simple(op_type: str, attributes: Attributes = lambda _: {}) -> Callable[[Graph, Layer], None]:
    """A layer that one operator computes."""

    def write(graph: Graph, layer: Layer) -> None:
        bottom = layer.bottoms[0]
        graph.node(op_type, [bottom], layer.tops[0], graph.shapes[bottom], **attributes(layer))

    return write


def relu(graph: Graph, layer: Layer) -> None:
    """max(x, 0), or a slope below zero."""
    slope, bottom = layer.params("relu_param").negative_slope, layer.bottoms[0]
    about = {"alpha": slope} if slope else {}
    graph.node("LeakyRelu" if slope else "Relu", [bottom], layer.tops[0], graph.shapes[bottom], **about)


def prelu(graph: Graph, layer: Layer) -> None:
    """A slope for each channel, or one for all."""
    bottom = layer.bottoms[0]
    (slope,) = weights(layer, 1, "slopes")
    rank = len(graph.shapes[bottom])
    form = slope.reshape(-1) if slope.size == 1 else slope.reshape((-1, *(1,) * (rank - 2)))
    graph.node("PRelu", [bottom, graph.constant(form, f"{layer.name}/slope")], layer.tops[0], graph.shapes[bottom])


def clip(low: Callable[[Layer], float], high: Callable[[Layer], float]) -> Callable[[Graph, Layer], None]:
    """Values held between two limits."""

    def write(graph: Graph, layer: Layer) -> None:
        limits = [graph.constant(bound(layer), f"{layer.name}/{word}") for word, bound in (("min", low), ("max", high))]
        graph.node("Clip", [layer.bottoms[0], *limits], layer.tops[0], graph.shapes[layer.bottoms[0]])

    return write


def power(graph: Graph, layer: Layer) -> None:
    """(shift + scale · x) ^ power."""
    params = layer.params("power_param")
    steps: list[tuple[str, float]] = []
    if params.scale != 1:
        steps.append(("Mul", params.scale))
    if params.shift != 0:
        steps.append(("Add", params.shift))
    if params.power != 1:
        steps.append(("Pow", params.power))
    chain(graph, layer, layer.bottoms[0], steps)


def chain(
    graph: Graph, layer: Layer, value: str, steps: list[tuple[str, float | None]] | list[tuple[str, float]]
) -> None:
    """Operators one after the other, each with a constant or none; the last one makes the top."""
    shape = graph.shapes[value]
    for number, (op_type, operand) in enumerate(steps or [("Identity", None)]):
        last = number == max(0, len(steps) - 1)
        inputs = [value] if operand is None else [value, graph.constant(operand, f"{layer.name}/{op_type.lower()}")]
        value = graph.node(op_type, inputs, layer.tops[0] if last else graph.inner(layer, op_type.lower()), shape)


def exp(graph: Graph, layer: Layer) -> None:
    """base ^ (shift + scale · x); base -1 is e."""
    params = layer.params("exp_param")
    factor = 1.0 if params.base == -1 else math.log(params.base)
    steps: list[tuple[str, float | None]] = []
    if params.scale * factor != 1:
        steps.append(("Mul", params.scale * factor))
    if params.shift:
        steps.append(("Add", params.shift * factor))
    chain(graph, layer, layer.bottoms[0], [*steps, ("Exp", None)])


def log(graph: Graph, layer: Layer) -> None:
    """log_base(shift + scale · x); base -1 is e."""
    params = layer.params("log_param")
    steps: list[tuple[str, float | None]] = []
    if params.scale != 1:
        steps.append(("Mul", params.scale))
    if params.shift:
        steps.append(("Add", params.shift))
    steps.append(("Log", None))
    if params.base != -1:
        steps.append(("Mul", 1 / math.log(params.base)))
    chain(graph, layer, layer.bottoms[0], steps)


def swish(graph: Graph, layer: Layer) -> None:
    """x · sigmoid(beta · x)."""
    bottom, beta = layer.bottoms[0], layer.params("swish_param").beta
    shape, value = graph.shapes[bottom], bottom
    if beta != 1:
        value = graph.node(
            "Mul", [bottom, graph.constant(beta, f"{layer.name}/beta")], graph.inner(layer, "scaled"), shape
        )
    gate = graph.node("Sigmoid", [value], graph.inner(layer, "gate"), shape)
    graph.node("Mul", [bottom, gate], layer.tops[0], shape)


def threshold(graph: Graph, layer: Layer) -> None:
    """1 where x is above the threshold, else 0."""
    bottom = layer.bottoms[0]
    shape = graph.shapes[bottom]
    limit = graph.constant(layer.params("threshold_param").threshold, f"{layer.name}/threshold")
    above = graph.node("Greater", [bottom, limit], graph.inner(layer, "above"), shape)
    graph.node("Cast", [above], layer.tops[0], shape, to=1)


def eltwise(graph: Graph, layer: Layer) -> None:
    """Product, weighted sum or maximum of blobs of one shape."""
    params, bottoms = layer.params("eltwise_param"), list(layer.bottoms)
    shape = graph.shapes[bottoms[0]]
    if any(graph.shapes[bottom] != shape for bottom in bottoms):
        raise refuse(layer, f"its inputs have different shapes: {[list(graph.shapes[bottom]) for bottom in bottoms]}")
    operation = params.EltwiseOp.Name(params.operation)
    if operation == "SUM" and params.coeff:
        bottoms = [_weighted(graph, layer, bottom, float(c)) for bottom, c in zip(bottoms, params.coeff, strict=True)]
    if operation == "MAX":
        graph.node("Max", bottoms, layer.tops[0], shape)
        return
    op_type, value = {"PROD": "Mul", "SUM": "Add"}[operation], bottoms[0]
    for number, other in enumerate(bottoms[1:], 2):
        last = number == len(bottoms)
        value = graph.node(op_type, [value, other], layer.tops[0] if last else graph.inner(layer, "part"), shape)
    if len(bottoms) == 1:
        graph.node("Identity", [value], layer.tops[0], shape)


def _weighted(graph: Graph, layer: Layer, value: str, coefficient: float) -> str:
    if coefficient == 1:
        return value
    factor = graph.constant(coefficient, f"{layer.name}/coeff")
    return graph.node("Mul", [value, factor], graph.inner(layer, "weighted"), graph.shapes[value])


def scale(graph: Graph, layer: Layer) -> None:
    """x · s + b, where s is learned or a second bottom, from `axis` on."""
    params = layer.params("scale_param")
    if len(layer.bottoms) == 2:
        value = _spread(graph, layer, params.axis)
        biases = weights(layer, 1, "a bias")[:1] if params.bias_term else ()
    else:
        arrays = weights(layer, 1 + params.bias_term, "factors" + " and a bias" * params.bias_term)
        value, biases = along(graph, layer, arrays[0], params.axis, "scale"), arrays[1:]
    _combined(graph, layer, [("Mul", value), *(("Add", along(graph, layer, b, params.axis, "bias")) for b in biases)])


def bias(graph: Graph, layer: Layer) -> None:
    """x + b, where b is learned or a second bottom, from `axis` on."""
    axis = layer.params("bias_param").axis
    if len(layer.bottoms) == 2:
        value = _spread(graph, layer, axis)
    else:
        value = along(graph, layer, weights(layer, 1, "a bias")[0], axis, "bias")
    _combined(graph, layer, [("Add", value)])


def _combined(graph: Graph, layer: Layer, steps: list[tuple[str, str]]) -> None:
    value, shape = layer.bottoms[0], graph.shapes[layer.bottoms[0]]
    for number, (op_type, operand) in enumerate(steps, 1):
        top = layer.tops[0] if number == len(steps) else graph.inner(layer, "scaled")
        value = graph.node(op_type, [value, operand], top, shape)


def along(graph: Graph, layer: Layer, array: np.ndarray, axis: int, word: str) -> str:
    """A learned array as a constant that fits the bottom from `axis` on."""
    shape = graph.shapes[layer.bottoms[0]]
    start = axis_of(axis, len(shape), layer)
    dims = list(array.shape)
    while len(dims) > 1 and dims[0] == 1 and start + len(dims) > len(shape):
        dims = dims[1:]  # blobs of before shapes had four dimensions
    while len(dims) > 1 and dims[-1] != shape[start + len(dims) - 1] and array.size == shape[start]:
        dims = [array.size]
    if array.size == 1:
        dims = []
    rest = len(shape) - start - len(dims) if dims else 0
    return graph.constant(array.reshape((*dims, *(1,) * rest)), f"{layer.name}/{word}")


def _spread(graph: Graph, layer: Layer, axis: int) -> str:
    """The second bottom with dimensions behind it, so that it fits the first from `axis` on."""
    first, second = (graph.shapes[bottom] for bottom in layer.bottoms[:2])
    rest = len(first) - axis_of(axis, len(first), layer) - len(second)
    if rest <= 0 or not second:
        return layer.bottoms[1]
    form = (*second, *(1,) * rest)
    constant = graph.constant(np.array(form), f"{layer.name}/form")
    return graph.node("Reshape", [layer.bottoms[1], constant], graph.inner(layer, "spread"), form)


WRITERS = {
    "AbsVal": simple("Abs"),
    "BNLL": simple("Softplus"),
    "ELU": simple("Elu", lambda layer: {"alpha": layer.params("elu_param").alpha}),
    "Sigmoid": simple("Sigmoid"),
    "TanH": simple("Tanh"),
    "Dropout": simple("Identity"),
    "ReLU": relu,
    "PReLU": prelu,
    "ReLU6": clip(lambda _: 0.0, lambda layer: layer.params("relu6_param").threshold),
    "Clip": clip(lambda layer: layer.params("clip_param").min, lambda layer: layer.params("clip_param").max),
    "Swish": swish,
    "Power": power,
    "Exp": exp,
    "Log": log,
    "Threshold": threshold,
    "Eltwise": eltwise,
    "Scale": scale,
    "Bias": bias,
}
