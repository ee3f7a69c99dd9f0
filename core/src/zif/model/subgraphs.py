"""What nodes with bodies (If, Loop, Scan, …) read from around them, and a walk over everything nested."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

_GRAPH = onnx.AttributeProto.GRAPH
_GRAPHS = onnx.AttributeProto.GRAPHS


def bodies(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs in the attributes of a node."""
    graphs: list[onnx.GraphProto] = []
    for attribute in node.attribute:
        if attribute.type == _GRAPH:
            graphs.append(attribute.g)
        elif attribute.type == _GRAPHS:
            graphs.extend(attribute.graphs)
    return graphs


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and every graph nested in it, outer first."""
    pending = [graph]
    while pending:
        current = pending.pop()
        yield current
        for node in current.node:
            pending.extend(bodies(node))


def captures(graph: onnx.GraphProto) -> list[str]:
    """Names that a body uses and does not define, in order of first use: values of the graphs around it."""
    local = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    local.update(tensor.values.name for tensor in graph.sparse_initializer)
    used: dict[str, None] = {}
    for node in graph.node:
        used.update(dict.fromkeys(node.input))
        for body in bodies(node):
            used.update(dict.fromkeys(captures(body)))
        local.update(node.output)
    used.update((value.name, None) for value in graph.output)
    return [name for name in used if name and name not in local]
