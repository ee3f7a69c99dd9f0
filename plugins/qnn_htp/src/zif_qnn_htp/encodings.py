"""Encodings that QNN takes for granted: at 16 bits it computes some operators into one, whatever is asked.

Sigmoid and HardSigmoid always give scale 1/65536 and zero point 0, Tanh scale 1/32768 and zero point 32768; another
output encoding is accepted and ignored, which scales every result. Such a group gets its fixed encoding first, and a
conversion to the model's own behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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


def _insert(graph: onnx.GraphProto, position: int, scale: float, zero: int) -> Iterator[str]:
    quantize = graph.node[position]
    base, value = f"{quantize.name}_fixed", quantize.input[0]
    names = {part: f"{base}_{part}" for part in ("scale", "zero", "stored", "back")}
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), names["scale"]))
    graph.initializer.append(numpy_helper.from_array(np.array(zero, np.uint16), names["zero"]))
    encoding = [names["scale"], names["zero"]]
    first = helper.make_node("QuantizeLinear", [value, *encoding], [names["stored"]], f"{base}_q")
    second = helper.make_node("DequantizeLinear", [names["stored"], *encoding], [names["back"]], f"{base}_dq")
    first.domain = second.domain = quantize.domain
    shape = next((v.type.tensor_type.shape for v in graph.value_info if v.name == value), None)
    for name, kind in ((names["stored"], TensorProto.UINT16), (names["back"], TensorProto.FLOAT)):
        info = helper.make_tensor_value_info(name, kind, None)
        if shape is not None:
            info.type.tensor_type.shape.CopyFrom(shape)
        graph.value_info.append(info)
    quantize.input[0] = names["back"]
    graph.node.insert(position, second)
    graph.node.insert(position, first)
    yield from (first.name, second.name)
