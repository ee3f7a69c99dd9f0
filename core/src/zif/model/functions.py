"""Model-local functions, inlined: what is placed are their nodes."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import onnx
from onnx.inliner import inline_local_functions

from zif.errors import InvalidModel
from zif.model.infer import skeleton
from zif.model.subgraphs import all_graphs, bodies


def inline(proto: onnx.ModelProto) -> None:
    """Replace every call of a model-local function by the function's nodes, in place, without touching weights.

    A function written for another opset than the model's is converted to it; one that cannot be stays a call, and its
    definition stays in the model. Raises InvalidModel for functions that call each other in a circle.
    """
    _check_calls(proto)
    bare = skeleton(proto, keep_attributes=True)
    try:
        inlined = inline_local_functions(bare)
    except Exception as error:
        raise InvalidModel(f"the model's functions cannot be inlined: {error}. Export it again.") from error
    if inlined.functions:
        inlined = _converted(inlined)
    graph = proto.graph
    del graph.node[:], graph.value_info[:], proto.functions[:], proto.opset_import[:]
    graph.node.extend(inlined.graph.node)
    graph.value_info.extend(inlined.graph.value_info)
    proto.functions.extend(inlined.functions)
    proto.opset_import.extend(inlined.opset_import)


def _check_calls(proto: onnx.ModelProto) -> None:
    """Refuse functions that call each other in a circle: an onnx may inline them until the stack is full."""
    calls = {
        (function.domain, function.name, function.overload): {
            (node.domain, node.op_type, node.overload) for node in _nodes(function)
        }
        for function in proto.functions
    }
    try:
        TopologicalSorter(calls).prepare()
    except CycleError as error:
        names = " → ".join(name for _, name, _ in error.args[1])
        raise InvalidModel(f"the model's functions call each other in a circle: {names}. Export it again.") from error


def _nodes(function: onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    yield from function.node
    for node in function.node:
        for body in bodies(node):
            yield from (inner for graph in all_graphs(body) for inner in graph.node)


def _converted(inlined: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return inline_local_functions(inlined, convert_version=True)
    except Exception:  # the version converter lacks an adapter: the call stays, and backends say what they make of it
        return inlined
