"""What is known of values beyond their valid part: that zeros stand there, so that they need not be written again, and
that no value is below zero, so that zeros do not change a maximum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from zif.model.attributes import attribute_list
from zif.runtime.buckets.masking.needs import Node

#: They make zeros of zeros, place by place.
_SAME = frozenset(
    {
        *("Identity", "Dropout", "Cast", "Neg", "Abs", "Sqrt", "Sign", "Floor", "Ceil", "Round", "Tanh", "Erf", "Sin"),
        *("Tan", "Atan", "Asin", "Sinh", "Asinh", "Softsign", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Gelu"),
        *("HardSwish", "Mish", "Swish", "ThresholdedRelu", "QuantizeLinear", "DequantizeLinear"),
    }
)
#: They give other axes, or less of them, with the same elements or sums of them.
_SHAPING = frozenset(
    {
        *("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "ReduceMean", "ReduceSum", "ReduceMax"),
        *("ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"),
    }
)
_ALL_ZERO = frozenset({"Add", "Sub", "Max", "Min", "Sum"})
_POSITIVE = frozenset({"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Abs", "Exp", "Sqrt"})
_STAYS_POSITIVE = frozenset(
    {
        *("Identity", "Dropout", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Concat", "Mul", "Add"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "Slice", "Split", "QuantizeLinear", "DequantizeLinear"),
    }
)


@define
class Kept:
    """What is known so far, going through a graph in order."""

    _zero: set[tuple[str, int]] = field(factory=set)
    _positive: set[str] = field(factory=set)

    def zero(self, name: str, axis: int) -> bool:
        """Whether zeros stand beyond the valid part of this axis."""
        return (name, axis) in self._zero

    def positive(self, name: str) -> bool:
        """Whether none of its values is below zero."""
        return name in self._positive

    def write(self, name: str, axes: Iterable[int]) -> None:
        """Zeros stand beyond the valid part of these axes now."""
        self._zero |= {(name, axis) for axis in axes}

    def after(self, node: Node, normalized: Iterable[int] = ()) -> None:
        """Take a node into account. normalized: axes of a Softmax whose part beyond is nothing."""
        kind, made = node.proto.op_type, node.proto.output
        if kind in _POSITIVE or (
            kind in _STAYS_POSITIVE and all(name in self._positive for name in _data(node)) and _data(node)
        ):
            self._positive.update(name for name in made if name)
        axes = normalized if kind == "Softmax" else self._axes(node)
        self.write(made[0], [axis for axis in axes if axis in node.spans.get(made[0], {})])

    def _axes(self, node: Node) -> Iterable[int]:
        kind, read = node.proto.op_type, node.proto.input
        if kind in _SAME:
            return self._of(read[0])
        if kind == "Transpose":
            perm = attribute_list(node.proto, "perm") or list(reversed(range(node.rank(0))))
            return [perm.index(axis) for axis in self._of(read[0])]
        if kind in _SHAPING:
            return self._moved(node)
        aligned = [self._aligned(node, place) for place in range(len(read))]
        if kind == "Mul":
            return set().union(*aligned)
        if kind == "Div":
            return aligned[0]
        if kind in _ALL_ZERO or (kind == "Concat" and len({node.rank(place) for place in range(len(read))}) == 1):
            return set.intersection(*aligned)
        if kind == "MatMul" and node.rank(0) > 1 and node.rank(1) > 1:
            last = self._rank(node) - 1
            return (aligned[0] - {last}) | (aligned[1] & {last})
        return ()

    def _of(self, name: str) -> set[int]:
        return {axis for value, axis in self._zero if value == name}

    def _aligned(self, node: Node, place: int) -> set[int]:
        """The axes of an input, as those of the output that they are held against."""
        shift = self._rank(node) - node.rank(place)
        return {axis + shift for axis in self._of(node.proto.input[place])}

    @staticmethod
    def _rank(node: Node) -> int:
        info: Any = node.model.tensors.get(node.proto.output[0])
        return len(info.shape or ()) if info is not None else 0

    def _moved(self, node: Node) -> Iterable[int]:
        """The one axis that grows, where there is one before and after, and both in the same way."""
        before, after = node.grows(0), node.spans.get(node.proto.output[0], {})
        if len(before) != 1 or len(after) != 1:
            return ()
        (own, rule), (axis, other) = next(iter(before.items())), next(iter(after.items()))
        return (axis,) if self.zero(node.proto.input[0], own) and rule is not None and rule == other else ()


def _data(node: Node) -> list[str]:
    """The inputs that are values of the graph; the others say how, such as a shape."""
    constant = node.model.initializers
    return [
        name for name in node.proto.input if name and (name not in constant or node.proto.op_type in ("Mul", "Add"))
    ]
