"""Layers that pick rows, and learned arrays."""

from __future__ import annotations

import numpy as np

from zif_caffe.graph import Graph, count, weights
from zif_caffe.network import Layer


def embed(graph: Graph, layer: Layer) -> None:
    """Rows of a table, by whole numbers that come as floats."""
    params, bottom = layer.params("embed_param"), layer.bottoms[0]
    shape = graph.shapes[bottom]
    arrays = weights(layer, 1 + params.bias_term, "a table" + " and a bias" * params.bias_term)
    out = (*shape, params.num_output)
    places = graph.node("Cast", [bottom], graph.inner(layer, "places"), shape, to=7)
    table = graph.constant(arrays[0].reshape((params.input_dim, params.num_output)), f"{layer.name}/table")
    made = graph.inner(layer, "rows") if params.bias_term else layer.tops[0]
    rows = graph.node("Gather", [table, places], made, out)
    if params.bias_term:
        graph.node("Add", [rows, graph.constant(arrays[1].reshape(-1), f"{layer.name}/bias")], layer.tops[0], out)


def batch_reindex(graph: Graph, layer: Layer) -> None:
    """Pictures of a batch in another order."""
    value, order = layer.bottoms
    number = count(graph.shapes[order])
    flat = graph.constant(np.array([number]), f"{layer.name}/form")
    row = graph.node("Reshape", [order, flat], graph.inner(layer, "order"), (number,))
    places = graph.node("Cast", [row], graph.inner(layer, "places"), (number,), to=7)
    graph.node("Gather", [value, places], layer.tops[0], (number, *graph.shapes[value][1:]))


def parameter(graph: Graph, layer: Layer) -> None:
    """A learned array."""
    (array,) = weights(layer, 1, "an array")
    constant = graph.constant(array.reshape(tuple(layer.params("parameter_param").shape.dim)), f"{layer.name}/value")
    graph.node("Identity", [constant], layer.tops[0], graph.shapes[constant])


WRITERS = {"Embed": embed, "BatchReindex": batch_reindex, "Parameter": parameter}
