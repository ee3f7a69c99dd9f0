"""Units: the smallest pieces that are placed as a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from zif.model import precision
from zif.model.macs import macs
from zif.model.nodes import Node
from zif.model.opsets import since_version
from zif.model.qdq import group, is_dequantize, is_quantize
from zif.model.types import known_bytes
from zif.records import TensorInfo


@frozen
class Unit:
    """One node, or a quantized group around one.

    `id`: the name of the node, in a group that of the operator in the middle; `op_type` and `domain` are its too.
    `since`: opset version in which the operator was last defined under the model's opset; 0 when ONNX does not have it.
    `nodes`: indices into `Model.proto.graph.node`.
    `inputs`: values, other than initializers, that the unit reads from outside, also from inside its bodies.
    `outputs`: values that others may read. `weights`: the initializers it reads.
    `macs`: multiply-accumulates of one run; unknown dimensions count as one. `bytes`: inputs and outputs together, None
    when a shape is not known. `weight_bytes`: the weights, where their type has a size.
    `precision`: the arithmetic: "fp32", "fp16", "bf16", "int8" (also uint8), "int16", "int4", "int64", "bool", …; for a
    group with quantized output that of the output; "" when no type is known.
    """

    id: str
    op_type: str
    domain: str
    since: int
    nodes: tuple[int, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[str, ...]
    macs: int
    bytes: int | None
    weight_bytes: int
    precision: str


def build(
    nodes: Sequence[Node],
    graph_outputs: Collection[str],
    initializers: Mapping[str, TensorInfo],
    tensors: Mapping[str, TensorInfo],
    opsets: Mapping[str, int],
) -> tuple[Unit, ...]:
    """The units of a graph whose nodes are sorted, in topological order."""
    read_by_many = _read_by_many(nodes, graph_outputs)
    groups = group(nodes, graph_outputs, initializers)
    return tuple(_unit(members, nodes, read_by_many, initializers, tensors, opsets) for members in groups)


def _read_by_many(nodes: Sequence[Node], graph_outputs: Collection[str]) -> Mapping[str, int]:
    """How many nodes read each value; being an output of the graph counts as one."""
    counts = dict.fromkeys(graph_outputs, 1)
    for node in nodes:
        for name in dict.fromkeys(node.reads):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _unit(
    members: tuple[int, ...],
    nodes: Sequence[Node],
    read: Mapping[str, int],
    initializers: Mapping[str, TensorInfo],
    tensors: Mapping[str, TensorInfo],
    opsets: Mapping[str, int],
) -> Unit:
    inside = [nodes[index] for index in members]
    made = {name: None for node in inside for name in node.outputs if name}
    reads = {name: None for node in inside for name in node.reads}
    inputs = tuple(name for name in reads if name not in made and name not in initializers)
    weights = tuple(name for name in reads if name in initializers)
    outputs = tuple(made) if len(inside) == 1 else _leaving(made, inside, read)
    center = _center(inside)
    shown = [tensors.get(name) for name in (*inputs, *outputs)]
    return Unit(
        id=center.name,
        op_type=center.op_type,
        domain=center.domain,
        since=since_version(center.op_type, center.domain, opsets.get(center.domain, 0)),
        nodes=members,
        inputs=inputs,
        outputs=outputs,
        weights=weights,
        macs=macs(center.proto, tensors),
        bytes=known_bytes(shown),
        weight_bytes=sum(initializers[name].nbytes or 0 for name in weights),
        precision=_precision(center, inside, tensors),
    )


def _leaving(made: Mapping[str, None], inside: Sequence[Node], read: Mapping[str, int]) -> tuple[str, ...]:
    """Values of a group that are not used up inside it."""
    used = dict.fromkeys(made, 0)
    for node in inside:
        for name in dict.fromkeys(node.reads):
            if name in used:
                used[name] += 1
    return tuple(name for name, count in used.items() if not count or count < read.get(name, 0))


def _center(inside: Sequence[Node]) -> Node:
    """The operator of a group; in a requantizing pair, the QuantizeLinear."""
    if len(inside) == 1:
        return inside[0]
    middle = [node for node in inside if not is_dequantize(node) and not is_quantize(node)]
    return middle[0] if middle else inside[-1]


def _precision(center: Node, inside: Sequence[Node], tensors: Mapping[str, TensorInfo]) -> str:
    def infos(names: Sequence[str]) -> list[TensorInfo]:
        return [tensors[name] for name in names if name in tensors]

    quantized = [node for node in inside if is_quantize(node)] if len(inside) > 1 else []
    if quantized:
        return precision.of_values(infos(quantized[0].outputs))
    if center.op_type.startswith("QLinear") or center.op_type.endswith("Integer"):
        return precision.of_values(infos(center.inputs[:1]))
    if center.op_type in ("Shape", "Size"):
        return precision.of_values(infos(center.outputs))
    return precision.of_values(infos((*center.reads, *center.outputs)))
