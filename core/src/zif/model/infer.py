"""Types and shapes of every value, inferred on a skeleton: the model without the data of its weights.

Inference on the whole of a 1 GB model takes seconds and gigabytes; on the skeleton, milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto
from onnx.helper import make_function, make_node, make_opsetid, make_tensor_value_info

from zif.model import validity
from zif.model.arithmetic import Walk
from zif.model.defaults import spelled_out
from zif.model.engines import Engines
from zif.model.external import attribute_tensors, is_external
from zif.model.loops import Turns
from zif.model.nodes import Node
from zif.model.subgraphs import all_graphs, bodies
from zif.model.types import tensor_bytes

#: Initializers up to this size keep their data in the skeleton: shapes, axes, pads, scales.
SMALL = 4096
_CONTRIB = "com.microsoft"
_QDQ = frozenset({"QuantizeLinear", "DequantizeLinear"})
#: The fields of attributes that are lists of numbers or texts, by their type.
_LISTS = {AttributeProto.INTS: "ints", AttributeProto.FLOATS: "floats", AttributeProto.STRINGS: "strings"}
#: Operators whose inference in onnx ends the process when an input has no type, as behind an operator of one's own.
#: They are kept from it, and inferred one by one as soon as their inputs' types are known.
UNTYPED = frozenset(
    {("EyeLike", ""), ("RegexFullMatch", "")}
    | {(name, "ai.onnx.ml") for name in ("DictVectorizer", "LabelEncoder", "TreeEnsemble")}
)


def skeleton(proto: ModelProto) -> ModelProto:
    """A copy of the model without large initializers: what inference and inlining need, quick to serialise."""
    bare = ModelProto(ir_version=max(proto.ir_version, 4), opset_import=proto.opset_import, functions=proto.functions)
    graph, source = bare.graph, proto.graph
    graph.name = source.name or "graph"
    _add_nodes(graph, source.node)
    graph.input.extend(source.input)
    graph.output.extend(source.output)
    graph.value_info.extend(source.value_info)
    listed = {value.name for value in source.input}
    for tensor in source.initializer:
        _add_bare(graph, tensor, listed)
    for sparse in source.sparse_initializer:
        head = TensorProto(name=sparse.values.name, data_type=sparse.values.data_type, dims=sparse.dims)
        _add_bare(graph, head, listed, empty=True)
    return bare


def _add_nodes(graph: GraphProto, nodes: Sequence[NodeProto]) -> None:
    """The nodes, those with long lists among their attributes without the rest of the lists."""
    done = 0
    for place, node in enumerate(nodes):
        if any(map(_is_long, node.attribute)):
            graph.node.extend(nodes[done:place])
            graph.node.append(_shortened(node))
            done = place + 1
    graph.node.extend(nodes[done:])


def _is_long(attribute: AttributeProto) -> bool:
    """Whether an attribute is data: an ensemble of trees has millions of numbers in lists, and nothing is inferred of
    them.
    """
    field = _LISTS.get(attribute.type)
    return field is not None and len(getattr(attribute, field)) > SMALL


def _shortened(node: NodeProto) -> NodeProto:
    """The node with the first numbers of its long lists. Lists of one length, as engines want some, keep one length."""
    short = NodeProto(op_type=node.op_type, domain=node.domain, name=node.name, input=node.input, output=node.output)
    for attribute in node.attribute:
        if _is_long(attribute):
            field = _LISTS[attribute.type]
            kept = short.attribute.add(name=attribute.name, type=attribute.type)
            getattr(kept, field).extend(getattr(attribute, field)[:SMALL])
        else:
            short.attribute.append(attribute)
    return short


def _add_bare(graph: GraphProto, tensor: TensorProto, listed: Collection[str], empty: bool = False) -> None:
    """A small initializer as it is, a large one as an input of its type: without data it would be no valid one."""
    small = (tensor_bytes(tensor) or 0) <= SMALL and tensor.data_type != TensorProto.STRING
    if small and not empty and not is_external(tensor):
        graph.initializer.append(tensor)
        return
    if tensor.name not in listed:
        graph.input.append(make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))


def _stripped(node: NodeProto) -> Iterator[tuple[TensorProto, list[int]]]:
    """Drop large data from the attributes of a copied node, and from its bodies; gives those tensors with their dims.

    Until they get these back they are empty: so they are valid ones.
    """
    tensors = list(attribute_tensors(node))
    for body in bodies(node):
        for graph in all_graphs(body):
            tensors.extend(graph.initializer)
            tensors.extend(tensor for inner in graph.node for tensor in attribute_tensors(inner))
    for tensor in tensors:
        if is_external(tensor) or (tensor_bytes(tensor) or 0) > SMALL:
            dims = list(tensor.dims)
            bare = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=[0])
            tensor.CopyFrom(bare)
            yield tensor, dims


def infer(proto: ModelProto, nodes: Sequence[Node], libraries: Sequence[Path] = ()) -> Walk:
    """Types and shapes of all values, as far as they can be known, and the values of small constants.

    `nodes` are the records of the graph's nodes, sorted; `libraries` have operators of the user's own. Raises
    InvalidModel for what onnx's checker refuses, for operators whose inputs do not go together, and for loops that turn
    for ever.
    """
    bare = skeleton(proto)
    heavy = (node for node, record in zip(bare.graph.node, nodes, strict=True) if record.nested or record.holding)
    emptied = [pair for node in heavy for pair in _stripped(node)]
    kinds = validity.operators(nodes)
    validity.check(bare, kinds, any(node.nested for node in nodes))
    for tensor, dims in emptied:
        tensor.dims[:] = dims
    late = UNTYPED.intersection(kinds)
    with validity.aside(bare, late), spelled_out(bare):
        graph = validity.inferred(with_contrib(bare)).graph
    infos = {value.name: value for value in graph.value_info}
    infos.update((value.name, value) for value in graph.input)
    infos.update((v.name, v) for v in graph.output if v.type.WhichOneof("value") or v.name not in infos)
    walk, turns = Walk(bare, infos, late, Engines(libraries)), Turns()
    for position, node in enumerate(nodes):
        walk.visit(node)
        if node.nested:
            walk.nested[node.name] = graph.node[position]
            if ("Loop", "") in kinds:
                turns.add(node.proto, node.name, _single(walk.values))
    return walk


def _single(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.reshape(-1)[0] for name, value in values.items() if value.size == 1}


def with_contrib(bare: ModelProto) -> ModelProto:
    """The skeleton with ONNX Runtime's own QuantizeLinear and DequantizeLinear described by ONNX's.

    Its quantizer writes them for 16-bit types below opset 21. onnx does not know them, and then nothing behind them has
    a shape.
    """
    used = {node.op_type for node in bare.graph.node if node.domain == _CONTRIB} & _QDQ
    if not used or bare.functions:
        return bare
    described = ModelProto()
    described.CopyFrom(bare)
    described.functions.extend(_as_onnx(op_type) for op_type in sorted(used))
    return described


def _as_onnx(op_type: str) -> FunctionProto:
    names = ["x", "scale", "zero_point"]
    node = make_node(op_type, names, ["y"])
    node.attribute.append(AttributeProto(name="axis", type=AttributeProto.INT, ref_attr_name="axis"))
    return make_function(_CONTRIB, op_type, names, ["y"], [node], [make_opsetid("", 21)], ["axis"])
