"""Joining what was joined before, in 8 bits, written so that QNN 2.51 computes it right.

Concat → Reshape (Transpose, Unsqueeze, …) → Concat with another encoding is what the head of a detector looks like. The
compiler then brings the first input of the inner Concat into the outer encoding, and leaves the others in the inner
one: they come out off by the difference of the zero points, on the emulator by up to 70 of 255 steps. An own conversion
before the outer Concat, which the compiler has to make anyway, keeps it right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto

from zif_qnn_htp.requantizing import insert

if TYPE_CHECKING:
    from zif import Model

#: Operators that only bring values elsewhere. Not all of them were seen to go wrong; a conversion harms none.
_MOVES = frozenset(
    {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "SpaceToDepth", "DepthToSpace", "Slice", "Split"}
    | {"Gather", "Identity", "Expand", "Tile", "Pad"}
)
_PAIR = frozenset({"QuantizeLinear", "DequantizeLinear"})
_EIGHT = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}


def separate(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Convert before every outer Concat that needs it; gives the unit of every new node, by the node's name."""
    whose = {model.proto.graph.node[index].name: unit.id for unit in model.units for index in unit.nodes}
    makers = {name: node for node in graph.node for name in node.output}
    ends = {node.input[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    added: dict[str, str] = {}
    for outer in [node for node in graph.node if node.op_type == "Concat" and not node.domain]:
        end = ends.get(outer.output[0])
        kind = _EIGHT.get(_dtype(end, model)) if end is not None else None
        if end is None or kind is None:
            continue
        for place, name in enumerate(outer.input):
            start = makers.get(name)
            if start is None or not _joined_before(name, makers) or _same(start, end, model):
                continue
            position = next(at for at, node in enumerate(graph.node) if node.name == outer.name)
            base, encoding = f"{outer.name}_apart{place}", (end.input[1], end.input[2])
            outer.input[place], names = insert(graph, position, base, name, encoding, end.domain, kind)
            added.update(dict.fromkeys(names, whose[outer.name]))
    return added


def _joined_before(name: str, makers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether a value is what a Concat gave, after at least one movement."""
    moved = False
    while (node := makers.get(name)) is not None:
        if node.op_type == "Concat":
            return moved
        if node.op_type not in _MOVES | _PAIR:
            return False
        moved |= node.op_type in _MOVES
        name = node.input[0]
    return False


def _dtype(quantize: onnx.NodeProto, model: Model) -> str:
    """The type of the integers where scale and zero point are known before, else ""."""
    known = len(quantize.input) > 2 and all(name in model.initializers for name in quantize.input[1:])
    return model.initializers[quantize.input[2]].dtype if known else ""


def _same(start: onnx.NodeProto, end: onnx.NodeProto, model: Model) -> bool:
    """Whether a DequantizeLinear and a QuantizeLinear have one encoding; what is not known counts as another."""
    if start.op_type != "DequantizeLinear" or len(start.input) < 3:
        return False
    pairs = zip(start.input[1:], end.input[1:], strict=True)
    here = model.initializers
    return all(a == b or (a in here and np.array_equal(model.array(a), model.array(b))) for a, b in pairs)
