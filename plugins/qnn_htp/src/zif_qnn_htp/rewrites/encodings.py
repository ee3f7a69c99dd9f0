"""Encodings that QNN takes for granted: it computes some operators into one, whatever is asked.

At 16 bits Sigmoid and HardSigmoid always give scale 1/65536 and zero point 0, Tanh scale 1/32768 and zero point 32768;
another output encoding is accepted and ignored, which scales every result. An 8-bit Softmax ignores a zero point other
than 0 and 128, of int8 other than -128. Such a group gets its fixed encoding first, and a conversion to the model's own
behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper
from zif_qnn_htp.rewrites.requantizing import insert

if TYPE_CHECKING:
    from zif import Model, Unit

Encoding = tuple[float, int]

#: Scale and zero point of an operator's output, by the type of the integers.
FIXED: Mapping[str, Mapping[str, Encoding]] = {
    "uint16": {"Sigmoid": (1 / 65536, 0), "HardSigmoid": (1 / 65536, 0), "Tanh": (1 / 32768, 32768)},
    "uint8": {"Softmax": (1 / 256, 0)},
    "int8": {"Softmax": (1 / 256, -128)},
}
#: In these zero points the operator is right, whatever the scale; of int8 0, as it is symmetric, gave −14 dB.
_RIGHT = {"uint8": (0, 128), "int8": (-128,)}


def fix(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Insert the conversions that are needed; gives the unit of every new node, by the node's name."""
    added: dict[str, str] = {}
    kinds = {kind for of in FIXED.values() for kind in of}
    for unit in model.units:
        if unit.op_type in kinds and not unit.domain and len(unit.nodes) > 1:
            ends = _ends(model, unit)
            for position, node in enumerate(graph.node):
                dtype = _wrong(node, model, unit.op_type) if node.name in ends else ""
                if dtype:
                    names = _insert(graph, position, dtype, FIXED[dtype][unit.op_type])
                    added.update(dict.fromkeys(names, unit.id))
                    break
    return added


def _ends(model: Model, unit: Unit) -> set[str]:
    nodes = (model.proto.graph.node[index] for index in unit.nodes)
    return {node.name for node in nodes if node.op_type == "QuantizeLinear"}


def _wrong(quantize: onnx.NodeProto, model: Model, op_type: str) -> str:
    """The type of the integers where a QuantizeLinear asks for an encoding that the operator ignores, else ""."""
    scale, zero = [*quantize.input[1:], ""][:2]
    if scale not in model.initializers or zero not in model.initializers:
        return ""
    dtype = model.initializers[zero].dtype
    fixed = FIXED.get(dtype, {}).get(op_type)
    if fixed is None or model.initializers[scale].dtype != "float32":
        return ""
    encoding = float(model.array(scale).reshape(-1)[0]), int(model.array(zero).reshape(-1)[0])
    if dtype in _RIGHT:
        return "" if encoding[1] in _RIGHT[dtype] else dtype
    return dtype if abs(encoding[0] / fixed[0] - 1) > 1e-4 or encoding[1] != fixed[1] else ""


def _insert(graph: onnx.GraphProto, position: int, dtype: str, fixed: Encoding) -> tuple[str, str]:
    quantize = graph.node[position]
    base = f"{quantize.name}_fixed"
    names = (f"{base}_scale", f"{base}_zero")
    for name, value in zip(names, (np.array(fixed[0], np.float32), np.array(fixed[1], dtype)), strict=True):
        graph.initializer.append(numpy_helper.from_array(value, name))
    source, kind = quantize.input[0], helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    quantize.input[0], added = insert(graph, position, base, source, names, quantize.domain, kind)
    return added
