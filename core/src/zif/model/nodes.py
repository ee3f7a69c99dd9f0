"""The nodes of a graph as light records, checked and in topological order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

import onnx
from attrs import define

from zif.errors import InvalidModel
from zif.files.wording import listed
from zif.model.external import attribute_tensors, check_tensors, tensors
from zif.model.subgraphs import all_graphs, captures
from zif.model.types import check_text

_ATTRIBUTE = onnx.AttributeProto
_PLAIN_KINDS = frozenset({_ATTRIBUTE.FLOAT, _ATTRIBUTE.INT, _ATTRIBUTE.STRING, _ATTRIBUTE.INTS, _ATTRIBUTE.FLOATS})
_GRAPH_KINDS = frozenset({_ATTRIBUTE.GRAPH, _ATTRIBUTE.GRAPHS})


@define(eq=False)
class Node:
    """One node of the main graph: names in their places (empty ones too), and whether it has bodies (`nested`) or
    tensors (`holding`) in its attributes.

    `captured` are the outer values that its bodies read; `reads` is all that the node reads, each once.
    """

    proto: onnx.NodeProto
    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    captured: tuple[str, ...]
    nested: bool
    reads: tuple[str, ...]
    holding: bool = False

    def rename_inputs(self, new: Mapping[str, str]) -> None:
        """Read other values: `new` maps the names of inputs (not those that bodies capture)."""
        for place, name in enumerate(self.inputs):
            if name in new:
                self.proto.input[place] = new[name]
        self.inputs = tuple(self.proto.input)
        self.reads = _reads(self.inputs, self.captured)

    @property
    def label(self) -> str:
        """How errors name the node."""
        return f"node {self.name!r} ({self.op_type})" if self.name else f"an unnamed {self.op_type} node"


def _reads(inputs: tuple[str, ...], captured: tuple[str, ...]) -> tuple[str, ...]:
    if not captured and "" not in inputs and len(set(inputs)) == len(inputs):
        return inputs
    return tuple(dict.fromkeys(name for name in (*inputs, *captured) if name))


def scan_all(protos: Iterable[onnx.NodeProto]) -> list[Node]:
    """The records of nodes. Raises InvalidModel as `scan` does."""
    words: list[str] = []
    scans = [_scanned(proto, words) for proto in protos]
    check_text(words)  # of all at once, which takes a third of the time
    return scans


def scan(proto: onnx.NodeProto) -> Node:
    """The record of one node.

    Raises InvalidModel for a tensor in it whose data do not fit or lie outside the model's folder, and for names that
    are none.
    """
    return scan_all((proto,))[0]


def _scanned(proto: onnx.NodeProto, words: list[str]) -> Node:
    """The record of one node, with its names added to `words`."""
    captured: dict[str, None] = {}
    nested = holding = False
    for attribute in proto.attribute:
        kind = attribute.type
        words.append(attribute.name)
        if attribute.ref_attr_name:
            raise InvalidModel(
                f"node {proto.name!r} ({proto.op_type}) takes its attribute {attribute.name!r} from a function, and "
                "stands in none. Export the model again."
            )
        if kind in _PLAIN_KINDS:
            continue
        if kind in _GRAPH_KINDS:
            nested = True
            for body in (attribute.g,) if kind == _ATTRIBUTE.GRAPH else attribute.graphs:
                captured.update(dict.fromkeys(captures(body)))
                _check_body(body)
        else:
            holding = True
    if holding:
        check_tensors(attribute_tensors(proto))
    inputs, outputs, outer = tuple(proto.input), tuple(proto.output), tuple(captured)
    op_type, domain, name = proto.op_type, proto.domain, proto.name
    words += (op_type, domain, name, *inputs, *outputs, *outer)
    return Node(proto, op_type, domain, name, inputs, outputs, outer, nested, _reads(inputs, outer), holding)


def _check_body(body: onnx.GraphProto) -> None:
    check_tensors(tensors(body))
    for graph in all_graphs(body):
        check_text(value.name for value in (*graph.input, *graph.output, *graph.initializer))
        for node in graph.node:
            names = (*node.input, *node.output, *(attribute.name for attribute in node.attribute))
            check_text((node.op_type, node.domain, node.name, *names))


def check_values(nodes: Sequence[Node], known: Iterable[str], graph: onnx.GraphProto) -> None:
    """Every value is made once and everything that is read is made. Raises InvalidModel naming the node."""
    made: dict[str, str] = dict.fromkeys(known, "an input or initializer")
    for node in nodes:
        for name in node.outputs:
            if name in made:
                raise InvalidModel(
                    f"{node.label} makes the value {name!r}, which {made[name]} already makes. Export the model again, "
                    "with one maker per value."
                )
            if name:
                made[name] = node.label
    for node in nodes:
        for name in node.reads:
            if name not in made:
                raise InvalidModel(
                    f"{node.label} reads the value {name!r}, which is no input, no initializer and no node's output. "
                    "Export the model again."
                )
    for output in graph.output:
        if output.name not in made:
            raise InvalidModel(f"the graph's output {output.name!r} is made by no node. Export the model again.")


def sort(nodes: list[Node], available: Iterable[str]) -> list[Node]:
    """The nodes so that each comes after those it reads from; the list itself when it is sorted already.

    Raises InvalidModel naming the nodes of a cycle.
    """
    known = {"", *available}
    for node in nodes:
        if not known.issuperset(node.inputs) or not known.issuperset(node.captured):
            break
        known.update(node.outputs)
    else:
        return nodes
    return _kahn(nodes)


def _kahn(nodes: list[Node]) -> list[Node]:
    """Of the nodes that are ready, the one that stood first: stable, and the same on every machine."""
    maker = {name: index for index, node in enumerate(nodes) for name in node.outputs if name}
    readers: list[list[int]] = [[] for _ in nodes]
    missing = [0] * len(nodes)
    for index, node in enumerate(nodes):
        before = {maker[name] for name in node.reads if name in maker}
        missing[index] = len(before)
        for other in before:
            readers[other].append(index)
    ready = [index for index, count in enumerate(missing) if not count]
    order = []
    while ready:
        index = heapq.heappop(ready)
        order.append(nodes[index])
        for reader in readers[index]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        raise InvalidModel(_cycle(nodes, maker, missing))
    return order


def _cycle(nodes: list[Node], maker: dict[str, int], missing: list[int]) -> str:
    """Walk back over makers that were never ready until one comes up twice: that stretch is a cycle."""
    index = next(i for i, count in enumerate(missing) if count)
    seen: dict[int, int] = {}
    path: list[int] = []
    while index not in seen:
        seen[index] = len(path)
        path.append(index)
        index = next(maker[name] for name in nodes[index].reads if name in maker and missing[maker[name]])
    loop = [nodes[i].label for i in reversed(path[seen[index] :])]
    most = len(loop) if len(loop) <= 6 else 5
    shown = listed(loop, most, " → … {} more", " → ")
    return f"the graph is cyclic: {shown} → {loop[0]}. A graph must be acyclic: export the model again."


def name_uniquely(nodes: Sequence[Node]) -> None:
    """Give unnamed nodes op_type and position as a name, and repeated names a number. Names that are unique stay."""
    taken = {node.name for node in nodes}
    seen: set[str] = set()
    for index, node in enumerate(nodes):
        if node.name and node.name not in seen:
            seen.add(node.name)
            continue
        name = free_name(f"{node.name}_{index}" if node.name else f"{node.op_type}_{index}", taken)
        taken.add(name)
        seen.add(name)
        node.name = node.proto.name = name


def free_name(wish: str, taken: set[str]) -> str:
    """`wish`, or `wish` with the first number that makes it new."""
    name, count = wish, 0
    while name in taken:
        count += 1
        name = f"{wish}_{count}"
    return name
