"""Random values for inputs, the same for the same seed, whatever the other inputs are."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from zif.errors import InvalidInput
from zif.files.limits import ARRAY
from zif.model.dtypes import numpy_dtype
from zif.records import TensorInfo

if TYPE_CHECKING:
    from zif.records import Array


def random_inputs(infos: Iterable[TensorInfo], seed: int) -> dict[str, Array]:
    """A value per input: floats from the standard normal distribution, 8-bit integers over their whole range.

    Wider integers are 0 or 1, which are valid as ids, masks and lengths alike, strings are short words, and a leading
    dimension that is open (the batch) is 1. Raises InvalidInput for any other open dimension and for what is no tensor.
    """
    return {info.name: _random(info, np.random.default_rng([seed, zlib.crc32(info.name.encode())])) for info in infos}


def _random(info: TensorInfo, source: np.random.Generator) -> Array:
    if not info.dtype or info.shape is None:
        kind = info.type or "an unknown type"
        raise InvalidInput(
            f"input {info.name!r} takes {kind} of unknown shape: random values need a tensor and its shape"
        )
    shape = tuple(1 if place == 0 and not isinstance(dim, int) else dim for place, dim in enumerate(info.shape))
    fixed = tuple(dim for dim in shape if isinstance(dim, int))
    if len(fixed) < len(shape):
        told = ", ".join("?" if dim is None else str(dim) for dim in info.shape)
        example = ",".join(str(dim) if isinstance(dim, int) else "…" for dim in shape)
        raise InvalidInput(
            f"input {info.name!r} has open dimensions [{told}]: fix them with --shape {info.name}={example}"
        )
    dtype = numpy_dtype(info.dtype)
    size = math.prod(fixed) * max(8, dtype.itemsize)  # they are made as float64 or int64
    if size > ARRAY.value:
        raise InvalidInput(ARRAY.exceeded(f"random values for the input {info.name!r} would take", size))
    return _values(dtype, fixed, source)


def _values(dtype: np.dtype, shape: tuple[int, ...], source: np.random.Generator) -> Array:
    if dtype.kind == "O":
        return np.array([f"word{number}" for number in source.integers(0, 10, shape).flat], dtype=object).reshape(shape)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        low, high = (limits.min, limits.max) if dtype.itemsize == 1 else (0, 1)
        return source.integers(low, high, shape, endpoint=True).astype(dtype)
    if dtype.kind == "b":
        return source.integers(0, 2, shape).astype(dtype)
    if dtype.kind == "c":
        return (source.standard_normal(shape) + 1j * source.standard_normal(shape)).astype(dtype)
    if dtype.kind == "f":
        return source.standard_normal(shape).astype(dtype)
    return _of_ml_dtypes(dtype, shape, source)


def _of_ml_dtypes(dtype: np.dtype, shape: tuple[int, ...], source: np.random.Generator) -> Array:
    """bfloat16, the float8s and float4 as floats, int4 and its like over their whole range."""
    import ml_dtypes

    try:
        limits = ml_dtypes.iinfo(dtype)
    except ValueError:
        return source.standard_normal(shape).astype(np.float32).astype(dtype)
    return source.integers(int(limits.min), int(limits.max), shape, endpoint=True).astype(np.int8).astype(dtype)
