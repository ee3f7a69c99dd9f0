"""A quantized Softmax of numbers that lie close together, read in coarser steps: QNN 2.51 loses the finest.

Where 65535 steps of its input span less than 0.2, or 255 less than 0.02, every result came out wrong on the emulator,
at 15 dB, and up to 3 those of 16 bits were at 50 to 60 dB where 80 are right. Differences of 0.00009 hardly show
in the results, so a conversion before, into steps with which it is right, changes nothing that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from zif_qnn_htp.rewrites.requantizing import insert
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model
    from zif.plugin import Array

#: By the type of the integers: the steps up to which a Softmax is too close, and those that it is read in then.
_STEPS = {
    **dict.fromkeys(("uint16", "int16"), (3 / 65535, 6 / 65535)),
    **dict.fromkeys(("uint8", "int8"), (0.03 / 255, 0.06 / 255)),
}
_KINDS = {
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "uint16": TensorProto.UINT16,
    "int16": TensorProto.INT16,
}


def coarsen(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Convert before every such Softmax; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    quantized = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Softmax" and not node.domain]:
        start = makers.get(node.input[0])
        if node.name not in whose or node.output[0] not in quantized or start is None:
            continue
        encoding = _encoding(start, constants)
        if encoding is not None and float(encoding[0]) < _STEPS[encoding[1].dtype.name][0]:
            added.update(dict.fromkeys(_converted(graph, node, start, encoding[1]), whose[node.name][0]))
    return added


def _encoding(start: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> tuple[Array, Array] | None:
    """The scale and the zero point of a DequantizeLinear, where there is one of each, known, of a type that QNN has."""
    if start.op_type != "DequantizeLinear" or len(start.input) < 3 or not all(n in constants for n in start.input[1:]):
        return None
    scale, zero = (numpy_helper.to_array(constants[name]) for name in start.input[1:])
    known = scale.size == 1 and scale.dtype == np.float32 and zero.dtype.name in _KINDS
    return (scale.reshape(()), zero.reshape(())) if known else None


def _converted(graph: onnx.GraphProto, softmax: onnx.NodeProto, start: onnx.NodeProto, zero: Array) -> tuple[str, ...]:
    """A conversion into coarser steps around the same zero point: it reaches further on both sides."""
    base = f"{softmax.name}_coarser"
    scale = np.float32(_STEPS[zero.dtype.name][1])
    encoding = (f"{base}_scale", start.input[2])
    graph.initializer.append(numpy_helper.from_array(np.asarray(scale), encoding[0]))
    position = next(at for at, other in enumerate(graph.node) if other.name == softmax.name)
    kind = _KINDS[zero.dtype.name]
    softmax.input[0], names = insert(graph, position, base, softmax.input[0], encoding, start.domain, kind)
    return names
