"""Initializers of one's own for readers that take the same one in different forms.

Compilers know tensors by name. One that writes a weight in the layout which an operator wants (a kernel turned for a
convolution and otherwise for its transpose, a matrix transposed or not, indices in 32 bits) files it under the name of
the initializer, and hands the next reader what the first one made. So that no name means two things, each form gets an
initializer of its own; readers that take it in the same form go on sharing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

import onnx

from zif.model.nodes import free_name

_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear"})


def unshare(graph: onnx.GraphProto) -> dict[str, str]:
    """Rewrite a graph in place, so that no initializer is read in two forms; gives the original of every copy.

    A form is the operator with its attributes, the ranks of what it reads (one that is not known counts as another),
    and the place of the initializer among these; through a DequantizeLinear it is that of what reads the result. Scales
    and zero points are numbers to a compiler and stay as they are. What bodies of nodes read keeps its name. Copies of
    external data point to the same file.
    """
    kept = {tensor.name: tensor for tensor in graph.initializer}
    fixed = {*kept, *(value.name for value in (*graph.input, *graph.output))}
    taken = fixed.union(name for node in graph.node for name in node.output)
    copies: dict[str, str] = {}
    for name, forms in _readings(graph, kept).items():
        for number, places in enumerate(list(forms.values())[1:], 1):
            copy = free_name(f"{name}_form{number}", taken)
            taken.add(copy)
            copies[copy] = name
            graph.initializer.add().CopyFrom(kept[name])
            graph.initializer[-1].name = copy
            for node, place in places:
                node.input[place] = copy
    return copies


_Places = list[tuple[onnx.NodeProto, int]]


def _readings(graph: onnx.GraphProto, kept: Iterable[str]) -> dict[str, dict[Hashable, _Places]]:
    """Who reads each initializer in which form, in the order of the nodes."""
    ranks = _ranks(graph)
    readers: dict[str, _Places] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            readers.setdefault(name, []).append((node, place))
    readings: dict[str, dict[Hashable, _Places]] = {name: {} for name in kept if len(readers.get(name, ())) > 1}
    for name, forms in readings.items():
        for node, place in readers[name]:
            if not (place and node.op_type in _CONVERSIONS):
                forms.setdefault(tuple(_form(node, place, readers, ranks)), []).append((node, place))
    return readings


def _form(node: onnx.NodeProto, place: int, readers: dict[str, _Places], ranks: dict[str, int]) -> Iterator[Hashable]:
    attributes = tuple(
        sorted((attribute.name, attribute.SerializeToString(deterministic=True)) for attribute in node.attribute)
    )
    yield node.domain, node.op_type, place, attributes, tuple(ranks.get(name) for name in node.input)
    if node.op_type in _CONVERSIONS and place == 0:
        for reader, there in readers.get(node.output[0], ()):
            yield from _form(reader, there, readers, ranks)


def _ranks(graph: onnx.GraphProto) -> dict[str, int]:
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.HasField("shape"):
            ranks[value.name] = len(value.type.tensor_type.shape.dim)
    return ranks
