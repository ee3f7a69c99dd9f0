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


def fitted(graph: QdqGraph, one: Encoding) -> Encoding:
    """The encoding with its axis and role settled. Raises InvalidInput when it does not fit its tensor."""
    if one.is_float:
        return one
    check_scale(one)
    if one.bits == 32:
        _check_wide(graph, one)
    if scale_type(graph.model, one.name) == TensorProto.FLOAT16 and not fits_half(one):
        raise InvalidInput(
            f"{one.name!r} is float16, and QuantizeLinear takes only a float16 scale for it, which "
            f"{_odd_half(one):.9g} is not: convert the model to float32"
        )
    if one.name in graph.weights:
        return attrs.evolve(one, kind="param", axis=_axis(graph, one))
    if len(one.scale) > 1:
        raise InvalidInput(
            f"the encoding of {one.name!r} has {len(one.scale)} channels, but the tensor is an activation: "
            "those have one scale"
        )
    return attrs.evolve(one, kind="activation", axis=None)


def check_scale(one: Encoding, why: str = "") -> None:
    """Raise InvalidInput for a scale that float32 does not hold with full precision; `why` says where it is from."""
    for scale in one.scale:
        if not scale >= LEAST_SCALE or not np.isfinite(scale):
            raise InvalidInput(
                f"the encoding of {one.name!r} has scale {scale:g}, which must never get into a model{why}"
            )


def fits_half(one: Encoding) -> bool:
    """Whether every scale is a float16 of full precision."""
    return _odd_half(one) is None


def _odd_half(one: Encoding) -> float | None:
    with np.errstate(over="ignore"):
        return next((s for s in one.scale if s < _LEAST_HALF or float(np.float16(s)) != s), None)


def _check_wide(graph: QdqGraph, one: Encoding) -> None:
    """32-bit integers are for biases, and for constants that are added as one."""
    if one.name not in graph.weights:
        raise InvalidInput(
            f"the encoding of {one.name!r} has 32 bits, but the tensor is an activation, which QuantizeLinear makes "
            'integers of 4, 8 or 16 bits of. An entry with "dtype": "float" leaves it in float'
        )
    for node in graph.readers.get(one.name, ()):
        bias = node.op_type in (*BIASED, "BatchNormalization") and one.name not in node.input[:2]
        if not bias and node.op_type != "Add":
            raise InvalidInput(
                f"the encoding of {one.name!r} has 32 bits, which are for biases, but {node.op_type} {node.name!r} "
                'reads it as a weight: give it 4, 8 or 16 bits, or "dtype": "float" to leave it in float'
            )
    if any(one.zero_point):
        raise InvalidInput(
            f"the encoding of {one.name!r} has 32 bits and zero point {next(z for z in one.zero_point if z)}; "
            "DequantizeLinear takes int32 around zero only (offset 0 or −2147483648 in the file)"
        )


def _axis(graph: QdqGraph, one: Encoding) -> int | None:
    if len(one.scale) == 1 and one.axis is None:
        return None
    dims = list(graph.weights[one.name].dims)
    axis = one.axis if one.axis is not None else _channel_axis(graph, one.name, len(one.scale), dims)
    if not -len(dims) <= axis < len(dims) or dims[axis] != len(one.scale):
        raise InvalidInput(
            f"the encoding of {one.name!r} has {len(one.scale)} channels, but the weight is {dims} and has "
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
