"""Operators whose kernels in ONNX Runtime end the process for tensors of certain shapes: they are told before.

Such a tensor goes through a Reshape to its own shape, which copies nothing. Where the kernel would end the process,
what the Reshape is told is no shape, or cannot be read: ONNX Runtime refuses that by name, and ends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from attrs import frozen
from onnx import NodeProto, TypeProto, helper, numpy_helper

from zif_qnn_cpu.mentions import REFUSES, SHAPES


@frozen
class _Names:
    """Makes nodes around one operator; every value and every node has a name of its own."""

    operator: str
    free: Iterator[str]

    def node(self, op_type: str, *inputs: str, mark: str = "/", output: str = "", **attributes: object) -> NodeProto:
        made = output or next(self.free)
        return helper.make_node(op_type, inputs, [made], f"{self.operator}{mark}{next(self.free)}", **attributes)

    def constant(self, number: int) -> NodeProto:
        return self.node("Constant", value=numpy_helper.from_array(np.array(number)))


_Watch = Callable[[_Names, str, str], list[NodeProto]]


def _elements(names: _Names, source: str, _: str) -> list[NodeProto]:
    """How many elements there are."""
    return [names.node("Size", source)]


def _batch(names: _Names, _: str, shape: str) -> list[NodeProto]:
    """How many sequences there are."""
    axis = names.constant(1)
    return [axis, names.node("Gather", shape, axis.output[0])]


def _two_dimensions(names: _Names, _: str, shape: str) -> list[NodeProto]:
    """Reads the second dimension, and comes to one."""
    axis = names.constant(1)
    read = names.node("Gather", shape, axis.output[0], mark=REFUSES)
    none = names.node("Sub", read.output[0], read.output[0])
    return [axis, read, none, names.node("Add", none.output[0], axis.output[0])]


#: What of the first input must not be zero.
_WATCHED: dict[str, _Watch] = {
    "ConvTranspose": _elements,
    "GRU": _elements,
    "LSTM": _batch,
    "ReverseSequence": _two_dimensions,
    "Unique": _elements,
}
assert _WATCHED.keys() == SHAPES


def safe(node: NodeProto, kind: TypeProto.Tensor | None, free: Iterator[str]) -> list[NodeProto]:
    """The operator, behind a look at its first input (of this type) where its shape is not known to be harmless."""
    dims = kind.shape.dim if kind is not None and kind.HasField("shape") else None
    if _is_harmless(node, None if dims is None else [dim.dim_value for dim in dims]):
        return [node]
    names, source = _Names(node.name, free), node.input[0]
    shape, none, two = names.node("Shape", source), names.constant(0), names.constant(2)
    watched = _WATCHED[node.op_type](names, source, shape.output[0])
    empty = names.node("Equal", watched[-1].output[0], none.output[0])
    number = names.node("Cast", empty.output[0], to=helper.np_dtype_to_tensor_dtype(np.dtype("int64")))
    less = names.node("Mul", number.output[0], two.output[0])
    told = names.node("Sub", shape.output[0], less.output[0])
    same = names.node("Reshape", source, told.output[0], mark=REFUSES)
    guarded = NodeProto()
    guarded.CopyFrom(node)
    guarded.input[0] = same.output[0]
    return [shape, none, two, *watched, empty, number, less, told, same, guarded]


def _is_harmless(node: NodeProto, dims: list[int] | None) -> bool:
    """Whether the shape alone says so; open dimensions are zero here."""
    if node.op_type == "Unique" and not any(attribute.name == "axis" for attribute in node.attribute):
        return True
    if dims is None:
        return False
    if node.op_type == "ReverseSequence":
        return len(dims) > 1
    return all(dim > 0 for dim in dims) or (node.op_type == "ConvTranspose" and len(dims) != 5)
