"""Ends that the results of an operator never pass, whatever its inputs: no range needs room beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from onnx import numpy_helper
from zif.plugin import MOVES, attributes

if TYPE_CHECKING:
    import onnx
    from zif import Model

    Pair = tuple[float, float]

_BOUNDED = {
    "Sigmoid": (0.0, 1.0),
    "HardSigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Erf": (-1.0, 1.0),
    "Sin": (-1.0, 1.0),
    "Cos": (-1.0, 1.0),
    "LpNormalization": (-1.0, 1.0),
}
#: Operators whose results lie between the least and the greatest of what they read.
_BETWEEN = MOVES | {"MaxPool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "ReduceMin"}


def capped(model: Model, pairs: Mapping[str, Pair]) -> dict[str, Pair]:
    """The ranges, none beyond what the operator that makes the tensor can give."""
    constants = {tensor.name: tensor for tensor in model.proto.graph.initializer}
    ends: dict[str, Pair] = {}
    for node in model.proto.graph.node:
        bound = _ends(node, constants, ends)
        if bound is not None:
            ends.update((name, bound) for name in node.output)
    ranges = dict(pairs)
    for name, (low, high) in ends.items():
        if name in ranges:
            ranges[name] = max(ranges[name][0], low), min(ranges[name][1], high)
    return ranges


def _ends(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto], ends: Mapping[str, Pair]) -> Pair | None:
    if node.op_type in _BOUNDED:
        return _BOUNDED[node.op_type]
    if node.op_type == "Clip":
        return _clip(node, constants)
    return ends.get(node.input[0]) if node.op_type in _BETWEEN and node.input else None


def _clip(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Pair:
    attrs = attributes(node)  # before opset 11
    for end, name in zip(("min", "max"), node.input[1:], strict=False):
        if name:
            attrs[end] = float(numpy_helper.to_array(constants[name])) if name in constants else None
    low, high = attrs.get("min"), attrs.get("max")
    return -float("inf") if low is None else float(low), float("inf") if high is None else float(high)
