"""Weights of 8 bits that leave out their zero point, which `exact_int8` does not survive: it is written out.

With `session.x64quantprecision` ONNX Runtime 1.32 turns signed weights into unsigned ones, and gives a DequantizeLinear
without a zero point a single one for it, whatever its scales: with one per channel or per block it then refuses to run
a model that it runs by default. Zeros that stand in the model mean the same and are turned in their own shape.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import NodeProto, TensorProto, TypeProto, helper, numpy_helper

from zif_qnn_cpu.fields import Data, fields

OPERATOR = "DequantizeLinear"
_WRITTEN = b'"' + bytes([len(OPERATOR)]) + OPERATOR.encode()
#: Numbers of the fields of a node.
_INPUT, _KIND = 1, 4
_WITH_ZERO = 3


def lacks(node: NodeProto) -> bool:
    """Whether a DequantizeLinear says no zero point."""
    return node.op_type == OPERATOR and not any(node.input[2:])


def mentioned(data: Data, start: int, end: int) -> bool:
    """Whether such a node may lie in a stretch of nodes: one itself, or any in a body."""
    if data.find(_WRITTEN, start, end) < 0:
        return False
    try:
        return any(_lacking(data, first, last) for _, first, last in fields(data, start, end))
    except (IndexError, KeyError, OverflowError):  # no stretch of nodes: whoever reads it says what it is
        return True


def _lacking(data: Data, start: int, end: int) -> bool:
    if data.find(_WRITTEN, start, end) < 0:
        return False
    rows = list(fields(data, start, end))
    own = any(field == _KIND and data[first:last] == OPERATOR.encode() for field, first, last in rows)
    return not own or sum(field == _INPUT and last > first for field, first, last in rows) < _WITH_ZERO


def safe(
    node: NodeProto, weight: TypeProto.Tensor | None, scale: TypeProto.Tensor | None, names: Iterator[str]
) -> list[NodeProto]:
    """The node with zeros in the shape of its scales; alone where it needs none or nothing is known of them."""
    if weight is None or scale is None or weight.elem_type != TensorProto.INT8 or not scale.shape.dim:
        return [node]
    if not all(dim.HasField("dim_value") for dim in scale.shape.dim):
        return [node]
    zeros = numpy_helper.from_array(np.zeros([dim.dim_value for dim in scale.shape.dim], np.int8))
    made = helper.make_node("Constant", [], [next(names)], f"{node.name}/{next(names)}", value=zeros)
    node.input[:] = [*node.input[:2], made.output[0]]
    return [made, node]
