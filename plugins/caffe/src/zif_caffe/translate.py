"""A network as an ONNX model: blobs keep their names, in-place layers get values of their own, layers become nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
from attrs import evolve, frozen
from zif import InvalidModel, Unsupported, UsageError

from zif_caffe.graph import Graph, Shape
from zif_caffe.layers import DATA, LOSSES, REFUSED, WRITERS
from zif_caffe.layers.normalizing import batch_norm, foldable
from zif_caffe.network import Layer, Network

OPSETS = (13, 22)
DEFAULT_OPSET = 17
#: What a writer raises where it finds other inputs, figures or weights than the layer has to have.
_TRIPS = (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, OverflowError)


@frozen
class Converted:
    """The model, and what was done otherwise than the text says."""

    model: onnx.ModelProto
    notes: tuple[str, ...]


def convert(network: Network, shapes: Mapping[str, Shape], opset: int = 0) -> Converted:
    """shapes: of inputs, in the place of the text's. Raises InvalidModel, Unsupported naming the layer, UsageError."""
    if opset and not OPSETS[0] <= opset <= OPSETS[1]:
        raise UsageError(f"opset {opset}: Caffe's layers are written in opsets {OPSETS[0]} to {OPSETS[1]}")
    graph = Graph(opset or DEFAULT_OPSET)
    layers, notes = _computing(network.layers)
    inputs = _inputs(network, shapes)
    graph.shapes.update(inputs)
    named, outputs = _single(layers, inputs)
    _write(graph, named)
    return Converted(graph.model(network.name, list(inputs), outputs), (*network.notes, *notes, *graph.notes))


def _computing(layers: Sequence[Layer]) -> tuple[list[Layer], list[str]]:
    """The layers that give something: no data, no losses, nothing that only those read."""
    kept = [layer for layer in layers if layer.type not in DATA and layer.type not in LOSSES]
    left_out = [f"{layer.name} ({layer.type})" for layer in layers if layer.type in LOSSES and layer.type != "Silence"]
    notes = [f"left out, since only training needs them: {', '.join(left_out)}"] if left_out else []
    return kept, notes


def _inputs(network: Network, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The blobs that come from outside, with their shapes. A data layer's label, which nothing reads, is none."""
    read = {name for layer in network.layers if layer.type not in LOSSES for name in layer.bottoms}
    known = dict(network.inputs)
    for layer in network.layers:
        if layer.type in DATA:
            dims = [tuple(shape.dim) for shape in layer.params("input_param").shape] if layer.type == "Input" else []
            dims = dims or _of_data(layer)
            for place, top in enumerate(layer.tops):
                if top in read or layer.type == "Input":
                    known[top] = dims[min(place, len(dims) - 1)] if dims else ()
    unknown = [name for name in shapes if name not in known]
    if unknown:
        raise UsageError(f"--shape {unknown[0]}: the inputs are {', '.join(known) or 'none'}")
    known |= shapes
    for name, shape in known.items():
        if not shape:
            raise UsageError(f"the text leaves the shape of the input {name!r} open: give --shape {name}=1,3,224,224")
        if min(shape) < 1:
            raise InvalidModel(f"the input {name!r} has the shape {list(shape)}: give --shape {name}=1,3,224,224")
    return known


def _of_data(layer: Layer) -> list[Shape]:
    """The shapes of a layer that says them itself."""
    if layer.type == "MemoryData":
        params = layer.params("memory_data_param")
        return [(params.batch_size, params.channels, params.height, params.width), (params.batch_size,)]
    if layer.type == "DummyData":
        params = layer.params("dummy_data_param")
        old = zip(params.num, params.channels, params.height, params.width, strict=False)
        return [tuple(shape.dim) for shape in params.shape] or [tuple(dims) for dims in old]
    return []


def _single(layers: Sequence[Layer], inputs: Mapping[str, Shape]) -> tuple[list[Layer], list[str]]:
    """Every value written once: the last one that is written under a blob's name keeps it, those before get the
    layer's name behind it. And the blobs that nobody reads, which are the outputs.
    """
    last = {top: number for number, layer in enumerate(layers) for top in layer.tops}
    current = {name: name for name in inputs}
    named, unread = [], dict.fromkeys(inputs)
    for number, layer in enumerate(layers):
        for bottom in layer.bottoms:
            if bottom not in current:
                raise InvalidModel(
                    f"layer {layer.name!r} ({layer.type}) reads {bottom!r}, which nothing makes before it"
                )
        bottoms = tuple(current[bottom] for bottom in layer.bottoms)
        for blob in bottoms:
            unread.pop(blob, None)
        for top in layer.tops:
            keeps = last[top] == number and top not in inputs
            current[top] = top if keeps else f"{top}/{layer.name}"
            unread[current[top]] = None
        named.append(evolve(layer, bottoms=bottoms, tops=tuple(current[top] for top in layer.tops)))
    outputs = [name for name in unread if name not in inputs]
    if not outputs:
        raise InvalidModel("the network has no layer whose result is left over as an output")
    return named, outputs


def _write(graph: Graph, layers: Sequence[Layer]) -> None:
    skipped = -1
    for number, layer in enumerate(layers):
        graph.layer = layer.name
        if number == skipped:
            continue
        after = layers[number + 1] if number + 1 < len(layers) else None
        with _told(graph, layer):
            if layer.type == "BatchNorm" and after is not None and _folds(graph, layer, after, layers[number + 2 :]):
                batch_norm(graph, layer, after)
                skipped = number + 1
            else:
                _writer(layer)(graph, layer)


@contextmanager
def _told(graph: Graph, layer: Layer) -> Iterator[None]:
    """A layer whose parameters, inputs and weights do not go together trips over itself somewhere: as one sentence."""
    try:
        yield
    except _TRIPS as error:
        shapes = [list(graph.shapes.get(bottom, ())) for bottom in layer.bottoms]
        raise InvalidModel(
            f"layer {layer.name!r} ({layer.type}) does not go together with its inputs of the shapes {shapes}: {error}"
        ) from error


def _folds(graph: Graph, layer: Layer, after: Layer, rest: Sequence[Layer]) -> bool:
    """Whether nobody but the Scale behind a BatchNorm reads what it gives."""
    shape = graph.shapes[layer.bottoms[0]]
    read = any(layer.tops[0] in other.bottoms for other in rest)
    return len(shape) > 1 and not read and foldable(layer, after, shape[1])


def _writer(layer: Layer) -> Any:
    if layer.type in REFUSED:
        raise Unsupported(f"layer {layer.name!r} ({layer.type}) cannot be converted: {REFUSED[layer.type]}")
    if layer.type not in WRITERS:
        raise Unsupported(
            f"layer {layer.name!r} is of the type {layer.type!r}, which zif-caffe does not know. It knows "
            f"{', '.join(sorted(WRITERS))}."
        )
    return WRITERS[layer.type]


def companion(path: Path, *, text: bool) -> Path:
    """The other file of a network: the weights of a text, or the text of weights. Raises InvalidModel."""
    endings = (".caffemodel",) if text else (".prototxt", ".prototext", ".pbtxt")
    near = sorted(file for file in path.parent.iterdir() if file.suffix in endings and file != path)
    same = [file for file in near if file.stem == path.stem]
    if len(same or near) == 1:
        return (same or near)[0]
    what, name = ("weights", ".caffemodel") if text else ("text", ".prototxt")
    there = f"several lie there: {', '.join(file.name for file in near[:5])}" if near else "none lies there"
    raise InvalidModel(
        f"{path} needs the {what} of the network beside it, and {there}. Put them there as {path.stem}{name}"
    )
