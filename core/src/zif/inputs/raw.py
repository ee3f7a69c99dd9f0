"""Raw data: bytes whose dtype and shape only the model knows."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.errors import InvalidInput
from zif.files.arrays import exactly
from zif.files.opening import length, open_plain
from zif.model.dtypes import numpy_dtype
from zif.records import TensorInfo

if TYPE_CHECKING:
    from zif.records import Array


def from_file(path: Path, info: TensorInfo) -> Array:
    """The tensor in a file of raw data: see `from_bytes`. A file of the wrong size is not read at all."""
    with open_plain(path, lambda text: InvalidInput(f"input {info.name!r}: {text}")) as stream:
        size, where = length(stream), str(path)
        _plan(size, info, where)
        return from_bytes(exactly(stream, size, where), info, where)


def from_bytes(data: bytes | bytearray, info: TensorInfo, where: str) -> Array:
    """The tensor in little-endian `data`. One dimension may be open and follows from the size.

    Types narrower than a byte take one byte per element. Raises InvalidInput naming `where` and the input.
    """
    dtype, shape = _plan(len(data), info, where)
    array = np.frombuffer(data, dtype=dtype)
    return (array if sys.byteorder == "little" else array.byteswap()).reshape(shape)


def _plan(size: int, info: TensorInfo, where: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The type and the shape that so many bytes have."""
    if not info.dtype or info.dtype == "string" or info.shape is None:
        kind = info.type or "an unknown type"
        raise InvalidInput(f"{where}: input {info.name!r} takes {kind}, which raw data cannot give: use .npy or .json")
    dtype = numpy_dtype(info.dtype)
    return dtype, _shape(size, int(dtype.itemsize), info, where)


def _shape(size: int, item: int, info: TensorInfo, where: str) -> tuple[int, ...]:
    dims = info.shape or ()
    known = [dim for dim in dims if isinstance(dim, int)]
    count = math.prod(known)
    if len(dims) - len(known) > 1:
        raise InvalidInput(
            f"{where}: input {info.name!r} is {_told(info)}, more than one dimension is open and raw data does not say "
            f"which shape it has: fix it with --shape {info.name}=…, or use .npy"
        )
    if len(known) == len(dims):
        if size != count * item:
            raise InvalidInput(
                f"{where} has {size} bytes, input {info.name!r} takes {count * item}: {_told(info)}{_hint(size, count)}"
            )
        return tuple(known)
    if not count or size % (count * item):
        raise InvalidInput(
            f"{where} has {size} bytes, which is no multiple of {count * item}: input {info.name!r} is {_told(info)}"
        )
    return tuple(dim if isinstance(dim, int) else size // (count * item) for dim in dims)


def _told(info: TensorInfo) -> str:
    return f"{info.dtype} [{', '.join('?' if dim is None else str(dim) for dim in info.shape or ())}]"


def _hint(size: int, count: int) -> str:
    """Vendors' runners take float32 for every input unless they are told otherwise; zif takes what the model takes."""
    return "; the size fits float32, but raw data must have the model's own type" if size == count * 4 else ""
