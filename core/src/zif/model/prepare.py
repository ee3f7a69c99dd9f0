"""From a file's proto to the canonical one: every later step reads that, and may rely on what is said here.

Afterwards functions are inlined, constants and what follows from shapes alone are initializers, weights of old files
are no inputs, nodes are sorted and have unique names, every value is made once, domains are imported, and each reader
of a DequantizeLinear has one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import onnx
from attrs import frozen

from zif.errors import InvalidModel
from zif.model import bounds, constants, contexts, nodes, opsets, qdq, shapes, validity
from zif.model.arithmetic import Walk
from zif.model.dtypes import element_dtype
from zif.model.external import check_tensors
from zif.model.fold import fold
from zif.model.functions import inline
from zif.model.infer import infer
from zif.model.installed_onnx import ir_of_opset, ir_of_type, upgrade
from zif.model.nodes import Node
from zif.model.source import Source
from zif.model.subgraphs import all_graphs, bodies
from zif.model.types import check_text, distinct, tensor_type

#: No model's IR version is lowered below this one: every engine reads it.
_OLDEST_IR = 8


@frozen(eq=False)
class Prepared:
    """The canonical proto, its nodes as records in the same order, and what is known of values by name.

    `nested` has, by name, the nodes with bodies, with types inside.
    """

    proto: onnx.ModelProto
    nodes: list[Node]
    opsets: dict[str, int]
    infos: dict[str, onnx.ValueInfoProto]
    nested: dict[str, onnx.NodeProto]


def prepare(source: Source, fixed: Mapping[str, Sequence[int]] | None, custom_ops: Sequence[Path] = ()) -> Prepared:
    """Bring the proto of `source` into canonical form, in place. Raises InvalidModel and UsageError."""
    proto, label = source.proto, source.label
    graph = proto.graph
    check_text([graph.name])
    versions = opsets.imported(proto, label)
    opsets.write_imports(proto, versions)
    graphs = bounds.graphs([graph])
    if proto.functions:
        inline(proto)
        versions = opsets.imported(proto, label)
        graphs = bounds.graphs([graph])
    opsets.settle_domains(graphs, versions, label)
    contexts.settle(graph, graphs[1:])
    records = constants.hoist(graph, nodes.scan_all(graph.node))
    constants.densify(graph)
    _tidy_initializers(proto)
    _lower_ir_version(proto, versions.get("", 0))
    inputs = _input_names(graph)
    nodes.check_values(records, inputs, graph)
    records = nodes.sort(records, inputs)
    _check_types(graph)
    shapes.override(graph, fixed or {}, set(initializer_names(graph)))
    nodes.name_uniquely(records)
    records = constants.bypass(graph, records)
    outputs = [value.name for value in graph.output]
    taken = {*inputs, *(name for node in records for name in node.outputs)}
    records = qdq.duplicate_shared(records, outputs, taken)
    _write(graph, records)
    walk = infer(proto, records, custom_ops)
    _check_sizes(walk, records)
    _type_outputs(graph, walk.infos)
    _check_element_types(graph, walk.infos)
    records = fold(graph, records, walk)
    _write(graph, records)
    return Prepared(proto, records, versions, walk.infos, walk.nested)


def _check_types(graph: onnx.GraphProto) -> None:
    """Refuse inputs without a type, element types and dimensions that are none; types that say nothing are forgotten
    of other values: those are inferred.
    """
    values = (*graph.input, *graph.output, *graph.value_info)
    known = distinct(values)
    if not all(shapes.has_type(value.type) for value in known):
        for value in graph.input:
            if not shapes.has_type(value.type):
                raise InvalidModel(
                    f"the input {value.name!r} has no type, which every engine needs. Export the model again."
                )
        for value in values:
            if value.HasField("type") and not shapes.has_type(value.type):
                value.ClearField("type")
    validity.check_elements(known)
    shapes.check_dims(values, known)
    shapes.check_initializers(graph.initializer)


def _check_sizes(walk: Walk, records: Sequence[Node]) -> None:
    """Every value can be one, those in bodies included: what is planned and priced counts their elements."""

    def maker(name: str) -> str:
        return next((f"node {node.name!r} ({node.op_type})" for node in records if name in node.outputs), "")

    shapes.check_sizes(walk.infos.values(), maker)
    for body in (body for node in walk.nested.values() for body in bodies(node)):
        for inner in all_graphs(body):
            shapes.check_sizes((*inner.input, *inner.value_info, *inner.output))


def initializer_names(graph: onnx.GraphProto) -> list[str]:
    """Names of all initializers, in the file's order, sparse ones last."""
    return [t.name for t in graph.initializer] + [s.values.name for s in graph.sparse_initializer]


def _input_names(graph: onnx.GraphProto) -> list[str]:
    inputs = [value.name for value in graph.input]
    check_text([*inputs, *(value.name for value in graph.output), *initializer_names(graph)])
    if len(set(inputs)) < len(inputs):
        twice = next(name for index, name in enumerate(inputs) if name in inputs[:index])
        raise InvalidModel(f"the model has two inputs named {twice!r}. Export it again.")
    return inputs + initializer_names(graph)


def _tidy_initializers(proto: onnx.ModelProto) -> None:
    """Drop initializers without a name, refuse repeated ones, and take those of IR 3 out of the inputs.

    Before IR 4 every weight had to be listed as an input; ONNX Runtime does not let those be replaced either.
    """
    graph = proto.graph
    names = initializer_names(graph)
    if "" in names:
        for index in reversed([i for i, tensor in enumerate(graph.initializer) if not tensor.name]):
            del graph.initializer[index]
    seen: set[str] = set()
    for tensor in graph.initializer:
        if tensor.name in seen:
            raise InvalidModel(f"the model has two initializers named {tensor.name!r}. Export it again.")
        seen.add(tensor.name)
        if not tensor_type(tensor.data_type):
            remedy = upgrade(ir_version=ir_of_type(tensor.data_type))
            raise InvalidModel(
                f"the initializer {tensor.name!r} has the element type {tensor.data_type}, which onnx "
                f"{onnx.__version__} does not know: {remedy}, or export the model again."
            )
    check_tensors(graph.initializer)
    if proto.ir_version < 4:
        seen.update(names)
        inputs = [value for value in graph.input if value.name not in seen]
        del graph.input[:]
        graph.input.extend(inputs)
        proto.ir_version = 4


def _lower_ir_version(proto: onnx.ModelProto, opset: int) -> None:
    """Give the model the IR version that its opset and its types came with, where its own is newer.

    An exporter writes the newest that its onnx has, and an engine that knows all that is in the model refuses it for
    that number. What stands in the model's functions is not looked at: with some, the number stays.
    """
    values = (*proto.graph.input, *proto.graph.output)
    types = {tensor.data_type for tensor in proto.graph.initializer}
    types |= {sparse.values.data_type for sparse in proto.graph.sparse_initializer}
    types |= {value.type.tensor_type.elem_type for value in values}
    if not proto.functions:
        proto.ir_version = min(proto.ir_version, max(_OLDEST_IR, ir_of_opset(opset), *map(ir_of_type, types)))


def _type_outputs(graph: onnx.GraphProto, infos: Mapping[str, onnx.ValueInfoProto]) -> None:
    """Say of the graph's outputs what is known now, where the file said nothing or left dimensions open."""
    for value in graph.output:
        info = infos.get(value.name)
        if info is None or value.type == info.type:
            continue
        silent = not value.type.WhichOneof("value") or not shapes.has_shape(value.type)
        if silent or shapes.is_static(info.type):
            value.type.CopyFrom(info.type)


def _check_element_types(graph: onnx.GraphProto, infos: Mapping[str, onnx.ValueInfoProto]) -> None:
    """Refuse values of a type that the installed onnx knows and no array here can hold: ml_dtypes is older than it."""
    holders = {tensor.data_type: tensor.name for tensor in graph.initializer}
    values = (*infos.values(), *graph.output, *graph.input)
    holders |= {value.type.tensor_type.elem_type: value.name for value in values if value.type.HasField("tensor_type")}
    for element in filter(tensor_type, holders):
        try:
            element_dtype(element)
        except KeyError as missing:
            raise InvalidModel(
                f"the value {holders[element]!r} is of type {missing.args[0]}, and the installed ml_dtypes "
                f"{version('ml_dtypes')} has no arrays of it: pip install --upgrade ml_dtypes."
            ) from None


def _write(graph: onnx.GraphProto, records: list[Node]) -> None:
    """Put the nodes into the graph if they are not the ones that it has."""
    if len(records) != len(graph.node) or any(a is not b.proto for a, b in zip(graph.node, records, strict=True)):
        protos = [node.proto for node in records]
        del graph.node[:]
        graph.node.extend(protos)
    for node, proto in zip(records, graph.node, strict=True):
        node.proto = proto
