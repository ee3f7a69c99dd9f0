"""Which arithmetic a processor uses for a unit, and how wide its elements are there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

#: Words for floating point.
FLOATS: Final = ("fp16", "fp32", "bf16", "fp64")
_WIDER: Final = {
    "fp64": ("fp64", "fp32", "fp16"),
    "fp32": ("fp32", "fp16"),
    "fp16": ("fp16", "fp32"),
    "bf16": ("bf16", "fp16", "fp32"),
    "fp8": ("fp8", "int8", "fp16", "fp32"),
    "int4": ("int4", "int8", "int16", "fp16", "fp32"),
    "int8": ("int8", "int16", "fp16", "fp32"),
    "int16": ("int16", "fp16", "fp32"),
}
_INDICES: Final = ("int32", "int64", "fp32", "fp16", "int16", "int8")
_BYTES: Final = {
    "fp64": 8.0,
    "int64": 8.0,
    "fp32": 4.0,
    "int32": 4.0,
    "int8": 1.0,
    "fp8": 1.0,
    "bool": 1.0,
    "int4": 0.5,
}


def on_processor(precision: str, offered: Collection[str], preferred: str) -> str:
    """What a unit of this precision runs in where `offered` are to be had; floating point in the preferred one.

    The nearest that holds its values; failing that, whatever there is.
    """
    order = _WIDER.get(precision, _INDICES)
    if precision in FLOATS and preferred in FLOATS:
        order = (preferred, *order)
    return next((word for word in order if word in offered), next(iter(sorted(offered)), precision))


def width(precision: str) -> float:
    """Bytes of an element."""
    return _BYTES.get(precision, 2.0)
