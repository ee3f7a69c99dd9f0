"""Normalizations over the axis that grows, taken apart into the operators that they stand for: those can be masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from attrs import define, field
from onnx import helper

from zif.model.attributes import attribute
from zif.model.dtypes import from_array, numpy_dtype

if TYPE_CHECKING:
    from zif.model import Model

_EXPANDED = "InstanceNormalization"


def expanded(model: Model) -> Model:
    """The model without such operators, or itself where it has none. What they made keeps its name."""
    graph = model.proto.graph
    if not any(_can_be(model, node) for node in graph.node):
        return model
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    del proto.graph.node[:]
    for node in graph.node:
        if _can_be(model, node):
            pieces = _Pieces(model, node)
            proto.graph.node.extend(pieces.nodes)
            proto.graph.initializer.extend(pieces.constants)
        else:
            proto.graph.node.append(node)
    return model.rebuilt(proto)


def _can_be(model: Model, node: onnx.NodeProto) -> bool:
    if node.op_type != _EXPANDED or node.domain not in ("", "ai.onnx"):
        return False
    info = model.tensors.get(node.input[0])
    return bool(info and info.dtype and info.shape) and all(name in model.initializers for name in node.input[1:])


@define(eq=False)
class _Pieces:
    """(x - mean) / sqrt(variance + epsilon) · scale + bias, over all axes but the first two."""

    model: Model
    node: onnx.NodeProto
    nodes: list[onnx.NodeProto] = field(factory=list, init=False)
    constants: list[onnx.TensorProto] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        x, scale, bias = self.node.input
        info = self.model.tensors[x]
        rank, dtype = len(info.shape or ()), numpy_dtype(info.dtype)
        epsilon = np.array(attribute(self.node, "epsilon", 1e-5), dtype)
        along = (1, -1, *(1 for _ in range(rank - 2)))
        beside = self._add("Sub", "centred", x, self._mean("mean", x, rank))
        variance = self._mean("variance", self._add("Mul", "squares", beside, beside), rank)
        spread = self._add("Sqrt", "spread", self._add("Add", "eps", variance, self._constant("epsilon", epsilon)))
        unit = self._add("Div", "unit", beside, spread)
        scaled = self._add("Mul", "scaled", unit, self._constant("scale", self.model.array(scale).reshape(along)))
        self._add("Add", "", scaled, self._constant("bias", self.model.array(bias).reshape(along)))

    def _mean(self, what: str, read: str, rank: int) -> str:
        axes = list(range(2, rank))
        if self.model.opsets.get("", 1) >= 18:
            return self._add("ReduceMean", what, read, self._constant(f"{what}.axes", np.array(axes)))
        made = self._add("ReduceMean", what, read)
        self.nodes[-1].attribute.append(helper.make_attribute("axes", axes))
        return made

    def _add(self, op_type: str, what: str, *read: str) -> str:
        """A node; the last one, without a name of its own, makes what the whole made."""
        name = f"{self.node.name}.{what or 'shifted'}"
        made = name if what else self.node.output[0]
        self.nodes.append(helper.make_node(op_type, list(read), [made], name=name))
        return made

    def _constant(self, what: str, value: np.ndarray) -> str:
        name = f"{self.node.name}.{what}.constant"
        self.constants.append(from_array(value, name))
        return name
