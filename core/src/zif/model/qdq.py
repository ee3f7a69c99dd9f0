"""Quantized groups: DequantizeLinear before, the operator, QuantizeLinear after, taken as one unit.

The rules are those of ONNX Runtime's node units: a DequantizeLinear that feeds one operator only belongs to it (a
shared one is duplicated first, once per reader), and a QuantizeLinear to the operator whose output it alone reads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import onnx

from zif.model.contexts import is_context
from zif.model.nodes import Node, free_name, scan

_DOMAINS = frozenset({"", "com.microsoft"})


def is_dequantize(node: Node) -> bool:
    """Whether the node is a DequantizeLinear."""
    return node.op_type == "DequantizeLinear" and node.domain in _DOMAINS


def is_quantize(node: Node) -> bool:
    """Whether the node is a QuantizeLinear."""
    return node.op_type == "QuantizeLinear" and node.domain in _DOMAINS


def duplicate_shared(nodes: list[Node], graph_outputs: Collection[str], values: Collection[str]) -> list[Node]:
    """Give every reader of a DequantizeLinear one of its own; `values` are the names that are taken.

    The first reader keeps the original, unless the graph's output or a body reads that too.
    """
    dequantizers = {node.outputs[0]: node for node in nodes if is_dequantize(node) and node.outputs}
    if not dequantizers:
        return nodes
    readers: dict[str, list[Node]] = {name: [] for name in dequantizers}
    pinned = {name for name in graph_outputs if name in dequantizers}
    for node in nodes:
        for name in {name: None for name in node.inputs if name in dequantizers}:
            if is_context(node.op_type, node.domain):  # its binary knows the value by its name
                pinned.add(name)
            else:
                readers[name].append(node)
        pinned.update(name for name in node.captured if name in dequantizers)
    taken = {*values, *(node.name for node in nodes)}
    copies = {
        name: [_duplicate(maker, reader, taken) for reader in readers[name][0 if name in pinned else 1 :]]
        for name, maker in dequantizers.items()
    }
    ordered: list[Node] = []
    for node in nodes:
        ordered.append(node)
        if is_dequantize(node) and node.outputs:
            ordered.extend(copies[node.outputs[0]])
    return ordered


def _duplicate(maker: Node, reader: Node, taken: set[str]) -> Node:
    old = maker.outputs[0]
    proto = onnx.NodeProto()
    proto.CopyFrom(maker.proto)
    proto.name = free_name(f"{maker.name}_dup", taken)
    taken.add(proto.name)
    new = free_name(f"{old}_dup", taken)
    taken.add(new)
    proto.output[0] = new
    reader.rename_inputs({old: new})
    return scan(proto)


def group(nodes: Sequence[Node], graph_outputs: Collection[str], constants: Collection[str]) -> list[tuple[int, ...]]:
    """The indices of the nodes of each unit, in topological order of the units.

    A group has one operator in its middle. Only Qs with a constant scale join, so that whatever enters a group reaches
    its operator and whatever leaves it comes from there: units of a DAG then form a DAG.
    """
    if not any(is_dequantize(node) for node in nodes):
        return [(index,) for index in range(len(nodes))]
    readers: dict[str, list[int]] = {}
    for index, node in enumerate(nodes):
        for name in node.reads:
            readers.setdefault(name, []).append(index)
    maker = {name: index for index, node in enumerate(nodes) for name in node.outputs if name}
    outputs = frozenset(graph_outputs)
    before: dict[int, list[int]] = {}
    owner: dict[int, int] = {}
    for index, node in enumerate(nodes):
        if not is_dequantize(node) or outputs.intersection(node.outputs):
            continue
        ahead = {reader for name in node.outputs for reader in readers.get(name, ())}
        if len(ahead) == 1:
            reader = ahead.pop()
            if _takes(nodes[reader], node):
                before.setdefault(reader, []).append(index)
                owner[index] = reader
    after: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        if index in before or not is_quantize(node) or not set(node.inputs[1:]) <= {"", *constants}:
            continue
        source = maker.get(node.inputs[0], -1)
        alone = len(readers.get(node.inputs[0], ())) == 1 and node.inputs[0] not in outputs
        if alone and _is_quantized(source, before, nodes, constants):
            after.setdefault(source, []).append(index)
            owner[index] = source
    return [
        tuple(sorted((*before.get(index, ()), index, *after.get(index, ()))))
        for index in range(len(nodes))
        if index not in owner
    ]


def _takes(reader: Node, dequantize: Node) -> bool:
    """Whether a DequantizeLinear joins its only reader: any plain operator, nothing with a body, nothing compiled."""
    if reader.nested or is_dequantize(reader) or is_context(reader.op_type, reader.domain):
        return False
    return not is_quantize(reader) or dequantize.outputs[0] == reader.inputs[0]


def _is_quantized(source: int, before: dict[int, list[int]], nodes: Sequence[Node], constants: Collection[str]) -> bool:
    """Whether an operator computes on quantized activations, not only on quantized weights."""
    return any(nodes[index].inputs[0] not in constants for index in before.get(source, ()))
