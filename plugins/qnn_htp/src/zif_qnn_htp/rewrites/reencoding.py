"""Values whose encoding QNN 2.51 loses, with a conversion of their own before they are moved or joined.

SpaceToDepth hands its integers on as they are, in 8 and in 16 bits, and DepthToSpace does behind a Sigmoid or Softmax:
in another encoding they are other numbers. So they are where the output is joined in another encoding, which the
compiler then gives the SpaceToDepth, too. A Pad fills with the nearest number that the encoding of its input has.

And in 8 bits Concat → Reshape (Transpose, Unsqueeze, …) → Concat with another encoding, which is what the head of a
detector looks like: the compiler brings the first input of the inner Concat into the outer encoding, and leaves the
others in the inner one. They come out off by the difference of the zero points, on the emulator by up to 70 of 255
steps. A conversion before, which the compiler has to make anyway, keeps both right. So it is in 8 and in 16 bits with a
Concat of a value and what an activation or a Clip makes of it, as a concatenated ReLU is, and in five dimensions with
a Concat of what a Gather chose with itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto
from zif.plugin import MOVES
from zif_qnn_htp.rewrites.requantizing import insert
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model

#: Operators that bring values elsewhere, Pad with a number beside them. Not all of them were seen to go wrong; a
#: conversion harms none.
_MOVES = MOVES | {"Pad"}
_PAIR = frozenset({"QuantizeLinear", "DequantizeLinear"})
#: What hands integers on as they are.
_BLOCKS = frozenset({"SpaceToDepth", "DepthToSpace"})
_NEEDY = _BLOCKS | {"Concat", "Pad"}
_EIGHT = (TensorProto.UINT8, TensorProto.INT8)
_KINDS = {
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "uint16": TensorProto.UINT16,
    "int16": TensorProto.INT16,
}


def separate(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Convert before every node that needs it; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    ends = {node.input[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type in _NEEDY and not node.domain]:
        end = ends.get(node.output[0])
        kind = _KINDS.get(_dtype(end, model)) if end is not None else None
        if end is None or kind is None:
            continue
        kin = node.op_type == "Concat" and _kin(node, makers)
        for place, name in enumerate(node.input):
            if kin or _own(node, place) or (node.op_type == "Concat" and _loses(name, makers, kind in _EIGHT)):
                names = _converted(graph, node, place, end, kind, makers, model)
                added.update(dict.fromkeys(names, whose[node.name][0]))
    return added


def _own(node: onnx.NodeProto, place: int) -> bool:
    """Whether an input has to be in the encoding of the output whatever makes it."""
    return place == 0 and (node.op_type in _BLOCKS or (node.op_type == "Pad" and len(node.input) > 2))


def _converted(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    place: int,
    end: onnx.NodeProto,
    kind: int,
    makers: Mapping[str, onnx.NodeProto],
    model: Model,
) -> tuple[str, ...]:
    """Bring an input into the encoding of the output first; the names of the new nodes, none where it is in it."""
    start = makers.get(node.input[place])
    if start is None or _same(start, end, model):
        return ()
    position = next(at for at, other in enumerate(graph.node) if other.name == node.name)
    base, encoding = f"{node.name}_apart{place}", (end.input[1], end.input[2])
    node.input[place], names = insert(graph, position, base, node.input[place], encoding, end.domain, kind)
    return names


def _loses(name: str, makers: Mapping[str, onnx.NodeProto], eight: bool) -> bool:
    """Whether a value that a Concat reads is what such blocks are, or in 8 bits another Concat and a movement."""
    moved = False
    while (node := makers.get(name)) is not None:
        if node.op_type in _BLOCKS:
            return True
        if node.op_type == "Concat":
            return moved and eight
        if node.op_type not in _MOVES | _PAIR:
            return False
        moved |= node.op_type in _MOVES
        name = node.input[0]
    return False


def _kin(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether a Concat joins a value with itself, or with what a node makes of that same value."""
    values = [_moved(name, makers) for name in node.input]
    read = {_moved(name, makers) for value in values if value in makers for name in makers[value].input}
    return len(set(node.input)) < len(node.input) or not read.isdisjoint(values)


def _moved(name: str, makers: Mapping[str, onnx.NodeProto]) -> str:
    """The value that was moved and converted to become this one."""
    while name in makers and makers[name].op_type in _MOVES | _PAIR:
        name = makers[name].input[0]
    return name


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
