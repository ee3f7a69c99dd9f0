"""Relus and Clips that the quantization behind them makes superfluous.

onnxruntime's quantizer takes them out, and the encodings of a model tell so by what is not there: an entry for what
goes in. One is superfluous where only it reads its input, the input has no entry, and the range of its output's entry
ends where it clips, or within: to the last step, quantizing alone gives the same values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import onnx
from zif.plugin import MERGED, Encoding, clipped_at, covers

if TYPE_CHECKING:
    from zif_quantize.qdq.graph import QdqGraph


def merge(graph: QdqGraph, known: Mapping[str, Encoding]) -> None:
    """Take out the superfluous Relus and Clips."""
    for place in reversed(range(len(graph.nodes))):
        node = graph.nodes[place]
        if node.op_type in MERGED and superfluous(graph, node, known):
            graph.drop(place)


def superfluous(graph: QdqGraph, node: onnx.NodeProto, known: Mapping[str, Encoding]) -> bool:
    """Whether a Relu or Clip can go; see above."""
    source, result = node.input[0], node.output[0]
    encoding = known.get(result)
    if encoding is None or encoding.is_float or source in known:
        return False
    alone = source in graph.makers and source not in graph.outputs and graph.readers.get(source) == [node]
    limits = clipped_at(node, graph.weights) if alone else None
    return limits is not None and covers(limits, encoding)
