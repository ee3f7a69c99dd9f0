"""Reduction and ArgMax."""

from __future__ import annotations

import numpy as np

from zif_caffe.graph import Graph, axis_of, count, refuse
from zif_caffe.network import Layer


def reduction(graph: Graph, layer: Layer) -> None:
    """Sum, sum of magnitudes, sum of squares or mean of everything from `axis` on, times a coefficient."""
    params, value = layer.params("reduction_param"), layer.bottoms[0]
    shape = graph.shapes[value]
    axis = axis_of(params.axis, len(shape), layer)
    form, out = (*shape[:axis], count(shape[axis:])), shape[:axis]
    constant = graph.constant(np.array(form), f"{layer.name}/form")
    value = graph.node("Reshape", [value, constant], graph.inner(layer, "rows"), form)
    operation = params.ReductionOp.Name(params.operation)
    if operation == "ASUM":
        value = graph.node("Abs", [value], graph.inner(layer, "abs"), form)
    if operation == "SUMSQ":
        value = graph.node("Mul", [value, value], graph.inner(layer, "square"), form)
    factor = params.coeff / (form[-1] if operation == "MEAN" else 1)
    made = layer.tops[0] if factor == 1 else graph.inner(layer, "sum")
    axes = graph.constant(np.array([len(form) - 1]), f"{layer.name}/axes")
    value = graph.node("ReduceSum", [value, axes], made, out, keepdims=0)
    if factor != 1:
        graph.node("Mul", [value, graph.constant(factor, f"{layer.name}/coeff")], layer.tops[0], out)


def arg_max(graph: Graph, layer: Layer) -> None:
    """The places of the largest values, as floats: along an axis, or over all of each picture."""
    params, bottom = layer.params("argmax_param"), layer.bottoms[0]
    shape, value = graph.shapes[bottom], bottom
    along = params.HasField("axis")
    if along:
        axis = axis_of(params.axis, len(shape), layer)
        out = tuple(params.top_k if place == axis else size for place, size in enumerate(shape))
    else:
        form = (shape[0], 1, count(shape[1:]))
        constant = graph.constant(np.array(form), f"{layer.name}/form")
        value = graph.node("Reshape", [bottom, constant], graph.inner(layer, "rows"), form)
        axis, out = 2, (shape[0], 1, params.top_k)
    if params.top_k > graph.shapes[value][axis]:
        raise refuse(layer, f"top_k {params.top_k} is more than the {graph.shapes[value][axis]} values that there are")
    names = [graph.inner(layer, "values"), graph.inner(layer, "places")]
    best = graph.constant(np.array([params.top_k]), f"{layer.name}/top_k")
    graph.node("TopK", [value, best], names, out, axis=axis)
    graph.shapes[names[1]] = out
    if along and params.out_max_val:
        graph.node("Identity", [names[0]], layer.tops[0], out)
        return
    both = params.out_max_val
    places = graph.node("Cast", [names[1]], graph.inner(layer, "float") if both else layer.tops[0], out, to=1)
    if both:
        graph.node("Concat", [places, names[0]], layer.tops[0], (out[0], 2, out[2]), axis=1)


WRITERS = {"Reduction": reduction, "ArgMax": arg_max}
