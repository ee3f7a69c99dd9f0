"""Encodings that QNN takes for granted: at 16 bits it computes some operators into one, whatever is asked.

Sigmoid and HardSigmoid always give scale 1/65536 and zero point 0, Tanh scale 1/32768 and zero point 32768; another
output encoding is accepted and ignored, which scales every result. Such a group gets its fixed encoding first, and a
conversion to the model's own behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from zif_qnn_htp.requantizing import insert

if TYPE_CHECKING:
    from zif import Model, Unit

#: Scale and zero point of an operator's output as uint16.
FIXED = {"Sigmoid": (1 / 65536, 0), "HardSigmoid": (1 / 65536, 0), "Tanh": (1 / 32768, 32768)}


def fix(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Insert the conversions that are needed; gives the unit of every new node, by the node's name."""
    added: dict[str, str] = {}
    for unit in model.units:
        if unit.op_type in FIXED and not unit.domain and len(unit.nodes) > 1:
            for position, node in enumerate(graph.node):
                if node.name in _ends(model, unit) and _differs(node, model, FIXED[unit.op_type]):
                    added.update((new, unit.id) for new in _insert(graph, position, *FIXED[unit.op_type]))
                    break
    return added


def _ends(model: Model, unit: Unit) -> set[str]:
    nodes = (model.proto.graph.node[index] for index in unit.nodes)
    return {node.name for node in nodes if node.op_type == "QuantizeLinear"}


def _differs(quantize: onnx.NodeProto, model: Model, fixed: tuple[float, int]) -> bool:
    """Whether a QuantizeLinear gives uint16 in another encoding than the fixed one."""
    scale, zero = [*quantize.input[1:], ""][:2]
    kinds = [model.initializers[name].dtype if name in model.initializers else "" for name in (scale, zero)]
    if kinds != ["float32", "uint16"]:
        return False
    given = float(model.array(scale).reshape(-1)[0]), int(model.array(zero).reshape(-1)[0])
    return abs(given[0] / fixed[0] - 1) > 1e-4 or given[1] != fixed[1]


def _insert(graph: onnx.GraphProto, position: int, scale: float, zero: int) -> tuple[str, str]:
    quantize = graph.node[position]
    base = f"{quantize.name}_fixed"
    names = (f"{base}_scale", f"{base}_zero")
    for name, value in zip(names, (np.array(scale, np.float32), np.array(zero, np.uint16)), strict=True):
        graph.initializer.append(numpy_helper.from_array(value, name))
    given, kind = quantize.input[0], TensorProto.UINT16
    quantize.input[0], added = insert(graph, position, base, given, names, quantize.domain, kind)
    return added
