"""Units: the smallest pieces that are placed as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import onnx
from attrs import frozen

from zif.model import precision
from zif.model.macs import macs, nested_macs
from zif.model.nodes import Node
from zif.model.opsets import since_version
from zif.model.qdq import group, is_dequantize, is_quantize
from zif.model.subgraphs import all_graphs, bodies
from zif.model.types import tensor_bytes
from zif.records import TensorInfo


@frozen
class Unit:
    """One node, or a quantized group around one.

    `id`: the name of the node, in a group that of the operator in the middle; `op_type` and `domain` are its too.
    `since`: opset version in which the operator was last defined under the model's opset; 0 when ONNX does not have it.
    `nodes`: indices into `Model.proto.graph.node`.
    `inputs`: values, other than initializers, that the unit reads from outside, also from inside its bodies.
    `outputs`: values that others read or the model gives; all of them when nobody reads any.
    `weights`: the initializers it reads.
    `macs`: multiply-accumulates of one run; unknown dimensions count as one. `bytes`: inputs and outputs together, None
    when a shape is not known. `weight_bytes`: the weights and those inside bodies, where their type has a size.
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
    nested: Mapping[str, onnx.NodeProto],
) -> tuple[Unit, ...]:
    """The units of a graph whose nodes are sorted, in topological order.

    `nested` has, by name, the nodes with bodies as inference left them: with types inside.
    """
    builder = _Builder(nodes, graph_outputs, initializers, tensors, opsets, nested)
    return tuple(builder.unit(members) for members in group(nodes, graph_outputs, initializers))


class _Builder:
    """What every unit of one graph needs to know of the whole."""

    def __init__(
        self,
        nodes: Sequence[Node],
        graph_outputs: Collection[str],
        initializers: Mapping[str, TensorInfo],
        tensors: Mapping[str, TensorInfo],
        opsets: Mapping[str, int],
        nested: Mapping[str, onnx.NodeProto],
    ) -> None:
        self.nodes, self.tensors, self.opsets, self.nested = nodes, tensors, opsets, nested
        self.sizes = _sizes(tensors)
        self.initializers = frozenset(initializers)
        # How many nodes read each value; being an output of the graph counts as one.
        self.reads = Counter(graph_outputs)
        self.reads.update(name for node in nodes for name in node.reads)

    def unit(self, members: tuple[int, ...]) -> Unit:
        inside = [self.nodes[index] for index in members]
        center = _center(inside)
        if len(inside) == 1:
            reads = center.reads
            outputs = tuple([name for name in center.outputs if name in self.reads])
        else:
            made = {name for node in inside for name in node.outputs if name}
            reads = tuple(dict.fromkeys(n for node in inside for n in node.reads if n not in made))
            outputs = self._leaving(made, inside)
        outputs = outputs or tuple(filter(None, center.outputs))
        inputs = tuple([name for name in reads if name not in self.initializers])
        weights = tuple([name for name in reads if name in self.initializers]) if len(inputs) < len(reads) else ()
        sizes = [self.sizes.get(name) for name in (*inputs, *outputs)]
        return Unit(
            id=center.name,
            op_type=center.op_type,
            domain=center.domain,
            since=since_version(center.op_type, center.domain, self.opsets.get(center.domain, 0)),
            nodes=members,
            inputs=inputs,
            outputs=outputs,
            weights=weights,
            macs=self._macs(center),
            bytes=None if None in sizes else sum(size or 0 for size in sizes),
            weight_bytes=sum(self.sizes[name] or 0 for name in weights) + _inner_bytes(center),
            precision=self._precision(center, inside),
        )

    def _macs(self, center: Node) -> int:
        if center.nested:
            return nested_macs(self.nested.get(center.name, center.proto), self.tensors)
        return macs(center.proto, center.op_type, self.tensors)

    def _leaving(self, made: Collection[str], inside: Sequence[Node]) -> tuple[str, ...]:
        """Values of a group that are not used up inside it."""
        used = Counter(name for node in inside for name in node.reads if name in made)
        names = (name for node in inside for name in node.outputs if name)
        return tuple(name for name in names if used[name] < self.reads[name])

    def _precision(self, center: Node, inside: Sequence[Node]) -> str:
        quantized = [node for node in inside if is_quantize(node)] if len(inside) > 1 else []
        if quantized:
            names: Sequence[str] = quantized[0].outputs
        elif center.op_type.startswith("QLinear") or center.op_type.endswith("Integer"):
            names = center.inputs[:1]
        else:
            names = center.outputs if center.op_type in ("Shape", "Size") else (*center.reads, *center.outputs)
        return precision.of_values(self.tensors[name] for name in names if name in self.tensors)


def _sizes(tensors: Mapping[str, TensorInfo]) -> dict[str, int | None]:
    """Bytes by name; the values of one graph share a few types and shapes."""
    known: dict[tuple[object, ...], int | None] = {}
    sizes = {}
    for name, info in tensors.items():
        key = info.type, info.shape
        if key not in known:
            known[key] = info.nbytes
        sizes[name] = known[key]
    return sizes


def _inner_bytes(node: Node) -> int:
    """Bytes of the initializers inside a node's bodies."""
    if not node.nested:
        return 0
    graphs = [graph for body in bodies(node.proto) for graph in all_graphs(body)]
    return sum(tensor_bytes(tensor) or 0 for graph in graphs for tensor in graph.initializer)


def _center(inside: Sequence[Node]) -> Node:
    """The operator of a group; in a requantizing pair, the QuantizeLinear."""
    if len(inside) == 1:
        return inside[0]
    middle = [node for node in inside if not is_dequantize(node) and not is_quantize(node)]
    return middle[0] if middle else inside[-1]
