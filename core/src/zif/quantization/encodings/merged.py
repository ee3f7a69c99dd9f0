"""Relus and Clips that the quantization behind them makes superfluous.

onnxruntime's quantizer takes them out, and the encodings of a model tell so by what is not there: an entry for what
goes in. One is superfluous where only it reads its input, the input has no entry, and the range of its output's entry
ends where it clips, or within: to the last step, quantizing alone gives the same values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from zif.quantization.assign import MERGED
from zif.quantization.encodings.record import Encoding

if TYPE_CHECKING:
    from zif.quantization.encodings.graph import Graph


def merge(graph: Graph, known: Mapping[str, Encoding]) -> None:
    """Take out the superfluous Relus and Clips."""
    for place in reversed(range(len(graph.nodes))):
        node = graph.nodes[place]
        if node.op_type in MERGED and superfluous(graph, node, known):
            graph.drop(place)


def superfluous(graph: Graph, node: onnx.NodeProto, known: Mapping[str, Encoding]) -> bool:
    """Whether a Relu or Clip can go; see above."""
    source, result = node.input[0], node.output[0]
    one = known.get(result)
    if one is None or one.is_float or source in known:
        return False
    alone = source in graph.makers and source not in graph.outputs and graph.readers.get(source) == [node]
    limits = clipped_at(node, graph.weights) if alone else None
    return limits is not None and covers(limits, one)


def covers(limits: tuple[float, float], one: Encoding) -> bool:
    """Whether the range of an encoding ends, to the last step, where a Clip does, or within."""
    low, high = span(one)
    return limits[0] < low + one.scale[0] and limits[1] > high - one.scale[0]


def span(one: Encoding) -> tuple[float, float]:
    """The least and the greatest value that an encoding of one scale holds."""
    least = -(2 ** (one.bits - 1)) if one.signed else 0
    return (least - one.zero_point[0]) * one.scale[0], (least + 2**one.bits - 1 - one.zero_point[0]) * one.scale[0]


def clipped_at(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> tuple[float, float] | None:
    """Where a Relu or Clip cuts off; None when it is told at run time."""
    if node.op_type == "Relu":
        return 0.0, math.inf
    limits = [-math.inf, math.inf]
    for attribute in node.attribute:  # before opset 11
        if attribute.name in ("min", "max"):
            limits[attribute.name == "max"] = attribute.f
    for place, name in enumerate(node.input[1:3]):
        if name and name not in constants:
            return None
        if name:
            limits[place] = float(np.asarray(numpy_helper.to_array(constants[name])).reshape(()))
    return limits[0], limits[1]
