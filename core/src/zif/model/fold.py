"""Nodes that only compute shapes, once shapes are fixed, replaced by what they compute.

Engines do the same before they run a graph. Left in, such nodes would be placed like work, and cut a graph that an
accelerator runs whole into pieces.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import onnx

from zif.model.arithmetic import Walk
from zif.model.dtypes import from_array
from zif.model.nodes import Node


def fold(graph: onnx.GraphProto, nodes: list[Node], walk: Walk) -> list[Node]:
    """The nodes that are left when constant ones are replaced by initializers; the graph gets those.

    Only values that every engine computes to the same bit are replaced, and none that the graph gives out.
    """
    outputs = {value.name for value in graph.output}
    gone = {id(node) for node in nodes if _is_constant(node, walk, outputs)}
    if not gone:
        return nodes
    kept = _without_idle([node for node in nodes if id(node) not in gone], nodes, outputs)
    needed = {name for node in kept for name in node.reads}
    for node in nodes:
        if id(node) in gone:
            for name in node.outputs:
                if name in needed:
                    graph.initializer.append(from_array(walk.values[name], name))
    _drop_unread(graph, {name for node in nodes for name in node.reads}, needed | outputs)
    return kept


def _drop_unread(graph: onnx.GraphProto, before: Collection[str], now: Collection[str]) -> None:
    """Drop the initializers that only folded nodes read; a default of an input stays."""
    now = {*now, *(value.name for value in graph.input)}
    for index in range(len(graph.initializer) - 1, -1, -1):
        name = graph.initializer[index].name
        if name in before and name not in now:
            del graph.initializer[index]


def _is_constant(node: Node, walk: Walk, known: Collection[str]) -> bool:
    outputs = [name for name in node.outputs if name]
    return bool(outputs) and all(name in walk.exact and name not in known for name in outputs)


def _without_idle(kept: list[Node], before: Sequence[Node], known: Collection[str]) -> list[Node]:
    """Drop what was computed only for the nodes that are gone. What nobody read before is not touched."""
    wanted_before = {name for node in before for name in node.reads} | set(known)
    wanted: set[str] = set(known)
    left: list[Node] = []
    for node in reversed(kept):
        if wanted.isdisjoint(node.outputs) and not wanted_before.isdisjoint(node.outputs):
            continue
        wanted.update(node.reads)
        left.append(node)
    left.reverse()
    return left
