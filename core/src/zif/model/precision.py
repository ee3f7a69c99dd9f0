"""The arithmetic that a unit computes in, as one word."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from zif.records import TensorInfo

_FLOATS = {"float32": "fp32", "float64": "fp64", "float16": "fp16", "bfloat16": "bf16"}


@cache
def word(kind: str) -> str:
    """ "fp32", "fp16", "bf16", "fp8", "int8" (also for uint8), "int64", "bool", … of an ONNX type; "" for no tensor."""
    dtype = TensorInfo("", kind).dtype
    if dtype in _FLOATS:
        return _FLOATS[dtype]
    if dtype.startswith("float8"):
        return "fp8"
    if dtype.startswith("float4"):
        return "fp4"
    return dtype.removeprefix("u") if dtype.startswith("uint") else dtype


def of_values(values: Iterable[TensorInfo]) -> str:
    """The first floating type among the values decides; without one, the first type that is known."""
    first = ""
    for value in values:
        precision = word(value.type)
        if precision.startswith(("fp", "bf")):
            return precision
        first = first or precision
    return first
