"""A model in which every tensor is rounded to a precision: what that precision must cost, computed on the CPU alone.

A Cast down and one up behind each float value of the graph and of its bodies: inputs, weights, and what nodes make.
Chains that an accelerator computes without storing a value in between are rounded here all the same, so that the run
is pessimistic, which is the safe side. A quantized model is rounded already; what its precision costs is seen the other
way round, by taking the rounding of its activations away (`without_rounding`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from zif.model.infer import skeleton
from zif.model.nodes import free_name
from zif.model.subgraphs import all_graphs

if TYPE_CHECKING:
    from zif.model import Model

#: The ONNX element type that holds a precision; a precision that is missing rounds nothing.
STORED = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}


def rounded(model: Model, precision: str) -> Model:
    """The model with every float32 value rounded to `precision`; itself where that rounds nothing."""
    to = STORED.get(precision)
    if to is None:
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    graphs = list(all_graphs(proto.graph))
    floats = _floats(model)
    taken = {name for graph in graphs for node in graph.node for name in (*node.input, *node.output)}
    for graph in reversed(graphs):  # bodies first: rounding a graph makes copies of its nodes
        _round_graph(graph, to, floats, taken)
    return model.rebuilt(proto)


def without_rounding(model: Model) -> Model | None:
    """A quantized model whose activations stay in float; None for a model that quantizes none.

    A DequantizeLinear that reads a QuantizeLinear becomes an Identity of what that reads. Weights keep their steps.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    made = {node.output[0]: node for node in proto.graph.node if node.op_type == "QuantizeLinear"}
    changed = False
    for node in proto.graph.node:
        before = made.get(node.input[0]) if node.op_type == "DequantizeLinear" and node.input else None
        if before is not None:
            identity = helper.make_node("Identity", [before.input[0]], [node.output[0]], node.name)
            node.CopyFrom(identity)
            changed = True
    return model.rebuilt(proto) if changed else None


def _floats(model: Model) -> set[str]:
    """The float32 values of the graph and of its bodies, as far as their types can be inferred."""
    inferred = onnx.shape_inference.infer_shapes(skeleton(model.proto))
    names = {name for name, info in model.tensors.items() if info.dtype == "float32"}
    for graph in all_graphs(inferred.graph):
        values = (*graph.input, *graph.output, *graph.value_info)
        names |= {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
        names |= {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    return names


def _round_graph(graph: onnx.GraphProto, to: int, floats: set[str], taken: set[str]) -> None:
    """Insert the casts. What a graph gives out keeps its name: the value before the casts gets another."""
    nodes: list[onnx.NodeProto] = []
    seen: dict[str, str] = {}
    ends = {value.name for value in graph.output}
    for name in [value.name for value in (*graph.input, *graph.initializer)]:
        if name in floats and name not in seen and name not in ends:
            seen[name] = _cast(nodes, name, to, taken)
    for node in graph.node:
        node.input[:] = [seen.get(name, name) for name in node.input]
        nodes.append(node)
        for position, name in enumerate(node.output):
            if name in floats:
                node.output[position] = raw = free_name(f"{name}_exact", taken)
                taken.add(raw)
                _cast(nodes, raw, to, taken, name)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _cast(nodes: list[onnx.NodeProto], name: str, to: int, taken: set[str], result: str = "") -> str:
    low = free_name(f"{name}_low", taken)
    taken.add(low)
    result = result or free_name(f"{name}_rounded", taken)
    taken.add(result)
    nodes.append(helper.make_node("Cast", [name], [low], f"{low}_cast", to=to))
    nodes.append(helper.make_node("Cast", [low], [result], f"{result}_cast", to=TensorProto.FLOAT))
    return result
