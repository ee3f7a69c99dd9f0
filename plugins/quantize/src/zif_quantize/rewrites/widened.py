"""A model of half or double floats in float32: a quantizer would leave the weights of another as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import all_graphs, free_name

#: Types that become float32.
OTHERS = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})
#: Attributes that hold the type of a result.
_TYPES = frozenset({"to", "dtype", "output_dtype"})


def widen(proto: onnx.ModelProto) -> None:
    """Change a model in place to compute in float32 what it computed in float16, bfloat16 or float64.

    Inputs and outputs stay what they are, with a Cast between them and the rest; other tensors keep their names. An
    input with a default, which is a weight to a quantizer, becomes float32.
    """
    graph = proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: _kind(value) for value in graph.input if value.name not in weights}
    outputs = {value.name: _kind(value) for value in graph.output if value.name not in inputs}
    ends = {name: kind for name, kind in (inputs | outputs).items() if kind in OTHERS}
    for scope in all_graphs(graph):
        _widen_graph(scope)
    taken = {
        name for scope in all_graphs(graph) for node in scope.node for name in (*node.input, *node.output)
    } | weights
    inner = {name: free_name(f"{name}_float32", taken) for name in ends}
    _rename(graph, inner)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = ends.get(value.name, _kind(value))
    casts = {name: _cast(name, inner[name], TensorProto.FLOAT) for name in ends if name in inputs}
    casts_back = [_cast(inner[name], name, ends[name]) for name in ends if name in outputs]
    nodes = [*casts.values(), *graph.node, *casts_back]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def ends(graph: onnx.GraphProto) -> dict[str, str]:
    """The inputs and outputs of other floats, by the name of the float32 tensor that stands for them inside."""
    inputs = {value.name for value in graph.input if _kind(value) in OTHERS}
    outputs = {value.name for value in graph.output if _kind(value) in OTHERS}
    casts = [node for node in graph.node if node.op_type == "Cast"]
    casts_by_name = {node.input[0]: node.output[0] for node in casts if node.output[0] in outputs}
    return casts_by_name | {node.output[0]: node.input[0] for node in casts if node.input[0] in inputs}


def _kind(value: onnx.ValueInfoProto) -> int:
    return int(value.type.tensor_type.elem_type)


def _cast(source: str, result: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], f"{result}_Cast", to=kind)


def _widen_graph(graph: onnx.GraphProto) -> None:
    """Every other float in a graph, but not in the bodies of its nodes, becomes float32."""
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if _kind(value) in OTHERS:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in _TYPES and attribute.i in OTHERS:
                attribute.i = TensorProto.FLOAT
            _widen_tensor(attribute.t)


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in OTHERS:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def _rename(graph: onnx.GraphProto, new: Mapping[str, str]) -> None:
    """Let nodes, and those in bodies, read and make other values."""
    for scope in all_graphs(graph):
        for rows in (node.input for node in scope.node), (node.output for node in scope.node):
            for row in rows:
                for place, name in enumerate(row):
                    row[place] = new.get(name, name)
        if scope is not graph:
            for value in scope.output:
                value.name = new.get(value.name, value.name)
