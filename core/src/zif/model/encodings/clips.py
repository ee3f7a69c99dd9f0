"""Where a Relu or Clip cuts off, held against the range of an encoding."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx

from zif.model.attributes import attribute
from zif.model.dtypes import to_array
from zif.model.encodings.record import Encoding


def covers(limits: tuple[float, float], encoding: Encoding) -> bool:
    """Whether the range of an encoding ends, to the last step, where a Clip does, or within."""
    low, high = span(encoding)
    return limits[0] < low + encoding.scale[0] and limits[1] > high - encoding.scale[0]


def span(encoding: Encoding) -> tuple[float, float]:
    """The least and the greatest value that an encoding of one scale holds."""
    least = -(2 ** (encoding.bits - 1)) if encoding.signed else 0
    return (least - encoding.zero_point[0]) * encoding.scale[0], (
        least + 2**encoding.bits - 1 - encoding.zero_point[0]
    ) * encoding.scale[0]


def clipped_at(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> tuple[float, float] | None:
    """Where a Relu or Clip cuts off; None when it is told at run time."""
    if node.op_type == "Relu":
        return 0.0, math.inf
    limits = [attribute(node, "min", -math.inf), attribute(node, "max", math.inf)]  # before opset 11
    for place, name in enumerate(node.input[1:3]):
        if name and name not in constants:
            return None
        if name:
            limits[place] = float(np.asarray(to_array(constants[name])).reshape(()))
    return limits[0], limits[1]
