"""Weights of 8 bits that leave out their zero point, which `exact_int8` does not survive: it is written out.

With `session.x64quantprecision` ONNX Runtime 1.32 turns signed weights into unsigned ones, and gives a DequantizeLinear
without a zero point a single one for it, whatever its scales: with one per channel or per block it then refuses to run
a model that it runs by default. Zeros that stand in the model mean the same and are turned in their own shape.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import NodeProto, TensorProto, TypeProto, helper, numpy_helper

from zif_qnn_cpu.mentions import ZERO_POINTS


def lacks(node: NodeProto) -> bool:
    """Whether a DequantizeLinear says no zero point."""
    return node.op_type == ZERO_POINTS and not any(node.input[2:])


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
