"""Biases whose encoding follows from input and weight: int32, scale input × weight, zero point 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from zif.plugin import Encoding, attribute

from zif_quantize.qdq.fitting import check_scale, fits_half
from zif_quantize.qdq.scales import scale_type
from zif_quantize.qdq.stored import wide
from zif_quantize.rewrites.prepare import BIASED

if TYPE_CHECKING:
    from zif_quantize.qdq.graph import QdqGraph


def biases(
    graph: QdqGraph, known: Mapping[str, Encoding], conversions: Mapping[str, Sequence[Encoding]]
) -> tuple[dict[str, Encoding], list[str]]:
    """Encodings of biases that the file leaves to be derived, and the biases that none can be derived for.

    Those are of nodes whose input and weight are quantized. A bias of one value is given a value per channel where the
    weight has channels. None is derived, and the bias stays float, where it is no vector of channels, where int32
    would cut it off (a channel whose scale is next to nothing), and where a float16 bias would need a scale that is no
    float16. Raises InvalidInput for a scale that float32 does not hold.
    """
    derived: dict[str, Encoding] = {}
    left = []
    for node in graph.nodes:
        if node.op_type not in BIASED or len(node.input) < 3 or node.input[2] not in graph.weights:
            continue
        bias = node.input[2]
        source, weight = known.get(node.input[0]), known.get(node.input[1])
        if bias in known or bias in derived or source is None or weight is None or source.is_float or weight.is_float:
            continue
        for encoding in conversions.get(source.name, ()):
            source = encoding if node.name in encoding.readers else source
        made = _derived(graph, node, source, weight)
        if made is None:
            left.append(bias)
        else:
            derived[bias] = made
    return derived, left


def _derived(graph: QdqGraph, node: onnx.NodeProto, source: Encoding, weight: Encoding) -> Encoding | None:
    bias = node.input[2]
    with np.errstate(over="ignore", under="ignore"):
        scales = np.float32(source.scale[0]) * np.array(weight.scale, np.float32)
    if node.op_type == "ConvTranspose" and weight.axis == 1:
        # Its weight is [in, out / groups, …]: output channel g · (out / groups) + k has the scale of k.
        scales = np.tile(scales, attribute(node, "group", 1))
    axis = None if weight.axis is None else _vector_axis(graph, bias, len(scales))
    if weight.axis is not None and axis is None:
        return None
    encoding = Encoding(bias, "param", "int32", tuple(map(float, scales)), (0,) * len(scales), axis)
    if scale_type(graph.model, bias) == TensorProto.FLOAT16 and not fits_half(encoding):
        return None
    why = f": it is that of {source.name!r} × that of {weight.name!r}, which {node.name!r} multiplies"
    check_scale(encoding, f"{why}. Give one of these another scale, or the bias an entry of its own")
    steps = np.abs(wide(numpy_helper.to_array(graph.weights[bias]), encoding))
    return encoding if np.all(steps <= np.iinfo(np.int32).max) else None


def _vector_axis(graph: QdqGraph, bias: str, channels: int) -> int | None:
    """The axis of a bias that its channels lie on: the last; None where there is none."""
    tensor = graph.weights[bias]
    if np.prod(tensor.dims, dtype=int) == 1 and channels > 1 and len(tensor.dims) < 2:
        values = np.full(channels, numpy_helper.to_array(tensor).reshape(()))
        tensor.CopyFrom(numpy_helper.from_array(values, bias))
    return len(tensor.dims) - 1 if tensor.dims and tensor.dims[-1] == channels else None
