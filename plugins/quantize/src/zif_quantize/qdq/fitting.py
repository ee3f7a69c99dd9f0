"""Whether an encoding fits the tensor that it is for: its channels, its integers, its scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
from onnx import TensorProto
from zif import InvalidInput
from zif.plugin import CHANNEL_AXIS, LEAST_SCALE, Encoding, attribute

from zif_quantize.qdq.scales import scale_type
from zif_quantize.rewrites.prepare import BIASED

if TYPE_CHECKING:
    from zif_quantize.qdq.graph import QdqGraph

#: What the least float16 of full precision is.
_LEAST_HALF = float(np.finfo(np.float16).tiny)


def fitted(graph: QdqGraph, encoding: Encoding) -> Encoding:
    """The encoding with its axis and role settled. Raises InvalidInput when it does not fit its tensor."""
    if encoding.is_float:
        return encoding
    check_scale(encoding)
    if encoding.bits == 32:
        _check_wide(graph, encoding)
    if scale_type(graph.model, encoding.name) == TensorProto.FLOAT16 and not fits_half(encoding):
        raise InvalidInput(
            f"{encoding.name!r} is float16, and QuantizeLinear takes only a float16 scale for it, which "
            f"{_odd_half(encoding):.9g} is not: convert the model to float32"
        )
    if encoding.name in graph.weights:
        return attrs.evolve(encoding, kind="param", axis=_axis(graph, encoding))
    if len(encoding.scale) > 1:
        raise InvalidInput(
            f"the encoding of {encoding.name!r} has {len(encoding.scale)} channels, but the tensor is an activation: "
            "those have one scale"
        )
    return attrs.evolve(encoding, kind="activation", axis=None)


def check_scale(encoding: Encoding, why: str = "") -> None:
    """Raise InvalidInput for a scale that float32 does not hold with full precision; `why` says where it is from."""
    for scale in encoding.scale:
        if not scale >= LEAST_SCALE or not np.isfinite(scale):
            raise InvalidInput(
                f"the encoding of {encoding.name!r} has scale {scale:g}, which must never get into a model{why}"
            )


def fits_half(encoding: Encoding) -> bool:
    """Whether every scale is a float16 of full precision."""
    return _odd_half(encoding) is None


def _odd_half(encoding: Encoding) -> float | None:
    with np.errstate(over="ignore"):
        return next((s for s in encoding.scale if s < _LEAST_HALF or float(np.float16(s)) != s), None)


def _check_wide(graph: QdqGraph, encoding: Encoding) -> None:
    """32-bit integers are for biases, and for constants that are added as one."""
    if encoding.name not in graph.weights:
        raise InvalidInput(
            f"the encoding of {encoding.name!r} has 32 bits, but the tensor is an activation, which QuantizeLinear "
            'makes integers of 4, 8 or 16 bits of. An entry with "dtype": "float" leaves it in float'
        )
    for node in graph.readers.get(encoding.name, ()):
        bias = node.op_type in (*BIASED, "BatchNormalization") and encoding.name not in node.input[:2]
        if not bias and node.op_type != "Add":
            raise InvalidInput(
                f"the encoding of {encoding.name!r} has 32 bits, which are for biases, but {node.op_type} "
                f'{node.name!r} reads it as a weight: give it 4, 8 or 16 bits, or "dtype": "float" to leave it in float'
            )
    if any(encoding.zero_point):
        raise InvalidInput(
            f"the encoding of {encoding.name!r} has 32 bits and zero point {next(z for z in encoding.zero_point if z)}"
            "; DequantizeLinear takes int32 around zero only (offset 0 or −2147483648 in the file)"
        )


def _axis(graph: QdqGraph, encoding: Encoding) -> int | None:
    if len(encoding.scale) == 1 and encoding.axis is None:
        return None
    dims = list(graph.weights[encoding.name].dims)
    axis = (
        encoding.axis if encoding.axis is not None else _channel_axis(graph, encoding.name, len(encoding.scale), dims)
    )
    if not -len(dims) <= axis < len(dims) or dims[axis] != len(encoding.scale):
        raise InvalidInput(
            f"the encoding of {encoding.name!r} has {len(encoding.scale)} channels, but the weight is {dims} and has "
            f"{dims[axis] if -len(dims) <= axis < len(dims) else 'nothing'} on axis {axis}"
        )
    return axis % len(dims)


def _channel_axis(graph: QdqGraph, name: str, count: int, dims: Sequence[int]) -> int:
    node = graph.readers[name][0] if graph.readers.get(name) else None
    if node is not None and node.op_type in CHANNEL_AXIS and name == node.input[1]:
        return CHANNEL_AXIS[node.op_type]
    if node is not None and node.op_type == "Gemm" and name == node.input[1]:
        return 0 if attribute(node, "transB", 0) else 1
    if node is not None and node.op_type == "MatMul":
        return len(dims) - 1
    return next((axis for axis, dim in enumerate(dims) if dim == count), 0)
