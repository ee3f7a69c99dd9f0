"""Roots of sums of squares, from values that were brought to 1 before they are squared.

fp16 ends at 65504, and 300² is more; it loses 0.0001² on the other side. So F.normalize (a ReduceL2), RMSNorm and
LayerNorm that are spelled out, and any other root of a sum or mean of squares leave its range although what goes in and
what comes out are ordinary numbers: off by 38 dB where values reach 300. Divided by its largest value m, a row has
squares up to 1:

    √(Σx² + e) = m · √(Σ(x/m)² + (√e/m)²)    with m = max(max|x|, √e)

And where the same x is divided by that root, m goes on both sides: a divisor beyond 16384 has no reciprocal in fp16.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from attrs import field, frozen
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import attribute, attribute_list

#: The least number above 0 that fp16 has: rows of zeros are divided by it.
LEAST = 2.0**-24
#: And the least of full precision.
LEAST_NORMAL = 2.0**-14
_FLOATS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}
#: The first opset in which axes are an input, by operator; before it they are an attribute.
_AXES_INPUT = {"ReduceSum": 13, "ReduceMean": 18, "ReduceMax": 18, "ReduceL2": 18}
_HALF = 0.5


@frozen
class _Chain:
    """The nodes of one root: what squares, sums, adds a constant or bounds by one (where it does), takes the root."""

    value: str
    square: onnx.NodeProto | None
    total: onnx.NodeProto
    added: onnx.NodeProto | None
    epsilon: float
    root: onnx.NodeProto
    inverse: bool


def scale(
    graph: onnx.GraphProto, dtypes: Mapping[str, str], owners: Mapping[str, tuple[str, str]], opset: int
) -> dict[str, str]:
    """Rewrite every such root in place; gives the unit of every new node, by the node's name.

    dtypes: of values, by name. owners: the unit of every node; a quantized group is computed in integers and stays.
    """
    graphs = _Graph(graph, opset)
    done: dict[str, str] = {}
    for chain in list(_chains(graphs)):
        kind = _FLOATS.get(dtypes.get(chain.value, ""))
        members = [node for node in (chain.square, chain.total, chain.added, chain.root) if node is not None]
        axes = graphs.axes(chain.total)
        if kind is not None and axes is not None and all(node.name in owners for node in members):
            done |= _scaled(graphs, chain, kind, axes, owners)
    return done


@frozen(eq=False)
class _Graph:
    """A graph with who makes and who reads its values."""

    proto: onnx.GraphProto
    opset: int
    makers: dict[str, onnx.NodeProto] = field(init=False)
    readers: dict[str, list[onnx.NodeProto]] = field(init=False, factory=dict)
    constants: dict[str, onnx.TensorProto] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "makers", {name: node for node in self.proto.node for name in node.output})
        object.__setattr__(self, "constants", {tensor.name: tensor for tensor in self.proto.initializer})
        for node in self.proto.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def reader(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """The only node that reads what a node makes, which the graph does not give."""
        name = node.output[0]
        is_output = any(value.name == name for value in self.proto.output)
        by_name = {reader.name: reader for reader in self.readers.get(name, ())}
        return next(iter(by_name.values())) if len(by_name) == 1 and not is_output else None

    def number(self, name: str) -> float | None:
        """The one number that a constant holds."""
        tensor = self.constants.get(name)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL or math.prod(tensor.dims) != 1:
            return None
        return float(numpy_helper.to_array(tensor).astype(np.float64).reshape(-1)[0])

    def axes(self, node: onnx.NodeProto) -> list[int] | None:
        """The axes of a reduction: empty for all, None where they are not known or it reduces nothing."""
        if len(node.input) > 1 and node.input[1]:
            tensor = self.constants.get(node.input[1])
            return None if tensor is None else [int(axis) for axis in numpy_helper.to_array(tensor).reshape(-1)]
        axes = attribute_list(node, "axes")
        return None if not axes and attribute(node, "noop_with_empty_axes", 0) else axes


def _chains(graph: _Graph) -> Iterator[_Chain]:
    for node in graph.proto.node:
        if node.domain:
            continue
        if node.op_type == "ReduceL2":
            yield _Chain(node.input[0], None, node, None, 0.0, node, False)
        elif node.op_type == "Mul" and node.input[0] == node.input[1]:
            chain = _from_square(graph, node)
            if chain is not None:
                yield chain


def _from_square(graph: _Graph, square: onnx.NodeProto) -> _Chain | None:
    total = graph.reader(square)
    if total is None or total.op_type not in ("ReduceSum", "ReduceMean") or total.domain:
        return None
    behind, added, epsilon = graph.reader(total), None, 0.0
    if behind is not None and behind.op_type in ("Add", "Max", "Clip"):
        number = _constant(graph, behind, total.output[0])
        if number is None or number < 0:
            return None
        added, epsilon, behind = behind, number, graph.reader(behind)
    if behind is None or behind.domain:
        return None
    power = graph.number(behind.input[1]) if behind.op_type == "Pow" else None
    if behind.op_type == "Sqrt" or power == _HALF:
        return _Chain(square.input[0], square, total, added, epsilon, behind, False)
    return _Chain(square.input[0], square, total, added, epsilon, behind, True) if power == -_HALF else None


def _constant(graph: _Graph, node: onnx.NodeProto, total: str) -> float | None:
    """The only constant that a node adds to a total, or that it keeps the total from falling below."""
    others = [name for name in node.input if name and name != total]
    bounded = node.op_type == "Clip" and (node.input[0] != total or len(node.input) < 2 or node.input[1] != others[0])
    return graph.number(others[0]) if len(others) == 1 and not bounded and not node.domain else None


def _scaled(
    graph: _Graph, chain: _Chain, kind: int, axes: Sequence[int], owners: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    base, first = f"{chain.root.name}_scaled", chain.square or chain.total
    made = _Made(graph.proto, base, kind)
    floor = made.constant("floor", [max(LEAST, math.sqrt(chain.epsilon))])
    size = made.node("Abs", chain.value)
    most = made.node("Max", made.most(size, axes, True, graph.opset), floor)
    unit = made.over(chain.value, most)
    added = dict.fromkeys(made.put_before(first), owners[first.name][0])
    first.input[0] = unit
    if chain.square is not None:
        chain.square.input[1] = unit
    kept = bool(attribute(chain.total, "keepdims", 1))
    divisor = most if kept else made.node("Max", made.most(size, axes, False, graph.opset), floor)
    if chain.added is not None:
        share = made.over(made.constant("epsilon", [math.sqrt(chain.epsilon)]), divisor)
        square = made.node("Mul", share, share)
        chain.added.op_type = "Add" if chain.added.op_type == "Add" else "Max"  # a bound of Clip is one number
        added |= dict.fromkeys(made.put_before(chain.added), owners[chain.added.name][0])
        chain.added.input[:] = [chain.total.output[0], square]
    result, chain.root.output[0] = chain.root.output[0], f"{base}_root"
    quotients = _quotients(graph, chain, result) if kept else []
    only = bool(quotients)  # else those that read the root itself
    quotients = quotients or [
        reader for reader in graph.readers.get(result, ()) if kept and _divides(reader, chain, result)
    ]
    below = result if only else f"{base}_below"
    for node in quotients:
        new = {chain.value: unit, result: below}
        node.input[:] = [new.get(name, name) for name in node.input]
    if quotients:  # not below 1 over the square root of their number, but for rows of zeros, which stay zeros
        made.node("Max", chain.root.output[0], made.constant("least", [LEAST_NORMAL]), output=below)
    if not only:
        made.node("Div" if chain.inverse else "Mul", chain.root.output[0], divisor, output=result)
    return added | dict.fromkeys(made.put_behind(chain.root), owners[chain.root.name][0])


def _quotients(graph: _Graph, chain: _Chain, result: str) -> list[onnx.NodeProto]:
    """Who divides the value itself by its root (or multiplies it with the inverse), when nobody else reads that."""
    if any(value.name == result for value in graph.proto.output):
        return []
    nodes: list[onnx.NodeProto] = []
    for node in graph.readers.get(result, ()):
        if _divides(node, chain, result):
            more = [node]
        else:
            more = _quotients(graph, chain, node.output[0]) if _guards(graph, node, chain) else []
        if not more:
            return []
        nodes += more
    return nodes


def _divides(node: onnx.NodeProto, chain: _Chain, root: str) -> bool:
    """Whether a node divides the value itself by its root, or multiplies it with the inverse of that."""
    ends = list(node.input)
    wanted = ("Mul", ([root, chain.value], [chain.value, root])) if chain.inverse else ("Div", ([chain.value, root],))
    return not node.domain and node.op_type == wanted[0] and ends in wanted[1]


def _guards(graph: _Graph, node: onnx.NodeProto, chain: _Chain) -> bool:
    """Whether a node only keeps a root from 0, or repeats it."""
    if node.op_type in ("Expand", "Identity"):
        return True
    bounds = [graph.number(name) for name in node.input[1:] if name]
    guard = (node.op_type == "Clip" and len(bounds) == 1) or node.op_type == "Max"
    return (
        guard
        and not chain.inverse
        and bool(bounds)
        and all(bound is not None and 0 <= bound < LEAST for bound in bounds)
    )


@frozen(eq=False)
class _Made:
    """New nodes around one root, and where they go."""

    graph: onnx.GraphProto
    base: str
    kind: int
    waiting: list[onnx.NodeProto] = field(factory=list)
    count: list[int] = field(factory=lambda: [0])

    def node(self, op_type: str, *inputs: str, output: str = "", **attributes: object) -> str:
        self.count[0] += 1
        name = f"{self.base}{self.count[0]}"
        self.waiting.append(helper.make_node(op_type, list(inputs), [output or f"{name}_value"], name, **attributes))
        return output or f"{name}_value"

    def over(self, value: str, divisor: str) -> str:
        """A quotient in two steps, by the root of the divisor: beyond 16384 that alone has a reciprocal in fp16."""
        half = self.node("Sqrt", divisor)
        return self.node("Div", self.node("Div", value, half), half)

    def most(self, value: str, axes: Sequence[int], keep: bool, opset: int) -> str:
        """The largest along axes, as the opset writes it."""
        if not axes:
            return self.node("ReduceMax", value, keepdims=int(keep))
        if opset < _AXES_INPUT["ReduceMax"]:
            return self.node("ReduceMax", value, axes=list(axes), keepdims=int(keep))
        name = f"{self.base}_axes"
        if all(tensor.name != name for tensor in self.graph.initializer):
            self.graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), name))
        return self.node("ReduceMax", value, name, keepdims=int(keep))

    def constant(self, word: str, values: Sequence[float]) -> str:
        name = f"{self.base}_{word}"
        self.graph.initializer.append(helper.make_tensor(name, self.kind, [len(values)], values))
        return name

    def put_before(self, node: onnx.NodeProto) -> list[str]:
        """Insert what waits before a node; the names."""
        return self._put(next(at for at, other in enumerate(self.graph.node) if other.name == node.name))

    def put_behind(self, node: onnx.NodeProto) -> list[str]:
        return self._put(1 + next(at for at, other in enumerate(self.graph.node) if other.name == node.name))

    def _put(self, position: int) -> list[str]:
        names = [entry.name for entry in self.waiting]
        for entry in reversed(self.waiting):
            self.graph.node.insert(position, entry)
        self.waiting.clear()
        return names
