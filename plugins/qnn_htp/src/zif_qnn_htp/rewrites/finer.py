"""An 8-bit Softmax whose results are all small, in 16 bits: QNN 2.51 computes it in steps of its own.

Every result comes out too large by a factor that grows as the range of the results shrinks: where that ends at 0.3 by
1 %, at 0.03 by 10 %, and a row of 1000 that are nearly equal gave 3.3 in all instead of 1. From 0.5 on the emulator
was right. In 16 bits it is right in any range; the integers before and behind it stay what they are.
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

#: Results up to which an 8-bit Softmax is computed in 16 bits.
SMALL = 0.5
#: What makes an unsigned integer of one of 8 bits.
_SHIFT = {"uint8": 0, "int8": 128}
#: From this opset on QuantizeLinear makes 16 bits; before, ONNX Runtime's own does.
_NATIVE, _CONTRIB = 21, "com.microsoft"


def widen(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Convert before and behind every such Softmax; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input[:1]:
            readers.setdefault(name, []).append(node)
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Softmax" and not node.domain]:
        start, ends = makers.get(node.input[0]), readers.get(node.output[0], [])
        if len(ends) == 1 and _small(ends[0], model) and start is not None and start.op_type == "DequantizeLinear":
            names = (*_converted(graph, node, start, model), *_converted(graph, node, ends[0], model))
            added.update(dict.fromkeys(names, whose[node.name][0]))
    return added


def _small(end: onnx.NodeProto, model: Model) -> bool:
    """Whether it quantizes to 8 bits with one scale that ends at a small number."""
    if end.op_type != "QuantizeLinear" or len(end.input) < 3 or not all(n in model.initializers for n in end.input[1:]):
        return False
    scale, kind = model.array(end.input[1]), model.initializers[end.input[2]].dtype
    return kind in _SHIFT and scale.size == 1 and scale.dtype == np.float32 and 255 * float(scale.max()) < SMALL


def _converted(graph: onnx.GraphProto, softmax: onnx.NodeProto, pair: onnx.NodeProto, model: Model) -> tuple[str, ...]:
    """A conversion to 16 bits that hold exactly what the 8 of a QuantizeLinear or DequantizeLinear do."""
    before = pair.op_type == "DequantizeLinear"
    if len(pair.input) < 3 or not all(name in model.initializers for name in pair.input[1:]):
        return ()
    zero = model.array(pair.input[2])
    if zero.dtype.name not in _SHIFT:
        return ()
    base = f"{softmax.name}_{'before' if before else 'behind'}"
    scale = (model.array(pair.input[1]) / np.float32(256)).reshape(())
    wide = ((zero.astype(np.int64) + _SHIFT[zero.dtype.name]) * 256).astype(np.uint16).reshape(())
    encoding = (f"{base}_scale", f"{base}_zero")
    graph.initializer.extend(numpy_helper.from_array(*node) for node in zip((scale, wide), encoding, strict=True))
    domain = pair.domain or ("" if model.opsets.get("", 1) >= _NATIVE else _CONTRIB)
    position = next(at for at, node in enumerate(graph.node) if node.name == (softmax if before else pair).name)
    reader = softmax if before else pair
    reader.input[0], names = insert(graph, position, base, reader.input[0], encoding, domain, TensorProto.UINT16)
    return names
