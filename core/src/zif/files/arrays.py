"""Arrays in .npy files: the header is read without trusting it, and held against the bytes that there are."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zif.errors import InvalidInput
from zif.files.limits import ARRAY, HEADER, is_shape
from zif.files.opening import length, open_plain
from zif.files.paths import Refusal

if TYPE_CHECKING:
    from zif.records import Array

MAGIC = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
#: The bytes in front of a header's text, by the version of the format: magic, version, length.
_HEADS = {1: (10, 2), 2: (12, 4), 3: (12, 4)}
#: So many brackets has no header of a plain array; numpy reads the text as Python, which deep nesting exhausts.
_BRACKETS = 8


class Header(NamedTuple):
    """What an .npy says of its array. `start` is where the elements begin, `bytes` how many they take."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    start: int
    bytes: int


def read_array(path: str | Path, error: Refusal = InvalidInput) -> Array:
    """The array of an .npy that the caller names. Raises what `error` makes.

    Nothing that could run code is read, and nothing is allocated for data that are not there.
    """
    with open_plain(path, error) as stream:
        return array_in(stream, length(stream), str(path), error)


def array_in(stream: IO[bytes], size: int, where: str, error: Refusal = InvalidInput) -> Array:
    """The array of the .npy of `size` bytes that begins where the stream stands."""
    header = header_of(stream, size, where, error)
    content = exactly(stream, header.bytes, where, error)
    flat = np.frombuffer(content, header.dtype, count=math.prod(header.shape))
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def header_of(stream: IO[bytes], size: int, where: str, error: Refusal = InvalidInput) -> Header:
    """The header of the .npy of `size` bytes that begins where the stream stands, its array whole and plain."""
    shape, fortran, dtype, start = _parsed(stream, size, where, error)
    if dtype.hasobject:
        raise error(f"{where} holds Python objects, which could run code: save plain numbers")
    if dtype.fields or dtype.subdtype or not dtype.itemsize:
        raise error(f"{where} holds elements of the type {str(dtype)[:60]}, of which no tensor is made")
    if not is_shape(shape):
        raise error(f"{where} is of the shape {_brief(shape)}, which no array has")
    count = math.prod(shape) * dtype.itemsize
    if start + count > size:
        raise error(
            f"{where} is cut off: its header says {_brief(shape)} of {dtype}, {count:,} bytes, "
            f"and {size - start:,} are there"
        )
    return Header(shape, fortran, dtype, start, count)


def _parsed(
    stream: IO[bytes], size: int, where: str, error: Refusal
) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether it is Fortran's order, dtype, and the header's bytes."""
    head = bytes(exactly(stream, 8, where, error))
    if head[:4] == _ZIP:
        raise error(f"{where} is an archive of arrays, not one array: call it .npz")
    if head[:6] != MAGIC or head[6] not in _HEADS:
        raise error(f"{where} is no .npy file: its first bytes are {head!r}")
    before, width = _HEADS[head[6]]
    told = bytes(exactly(stream, width, where, error))
    count = int.from_bytes(told, "little")
    if count > min(HEADER, size - before):
        raise error(f"{where} is no whole .npy file: its header would have {count:,} bytes")
    text = bytes(exactly(stream, count, where, error))
    if sum(map(text.count, (b"(", b"[", b"{"))) > _BRACKETS:
        raise error(f"{where} holds elements of a made-up type, of which no tensor is made")
    read = np.lib.format.read_array_header_1_0 if head[6] == 1 else np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(io.BytesIO(told + text))
    except Exception as problem:  # numpy evaluates the text: whatever its parser and its dtypes raise
        raise error(f"{where} is no whole .npy file: its header is damaged") from problem
    return shape, fortran, dtype, before + count


def exactly(stream: IO[bytes], count: int, where: str, error: Refusal = InvalidInput) -> bytearray:
    """So many bytes from where the stream stands, no more than one array may have. Raises what `error` makes."""
    if count > ARRAY.value:
        raise error(ARRAY.exceeded(f"{where} takes", count))
    data = bytearray(count)
    filled = 0
    while filled < count:
        filled += _taken(stream, memoryview(data)[filled:], where, error)
    return data


def _taken(stream: IO[bytes], view: memoryview, where: str, error: Refusal) -> int:
    """Read some bytes into `view`; how many. None where there should be some is an error."""
    try:
        count = int(stream.readinto(view) or 0)  # type: ignore[attr-defined]
    except OSError as problem:
        raise error(f"{where} cannot be read: {problem.strerror or problem}") from problem
    if not count:
        raise error(f"{where} is cut off: it ends before its data do")
    return count


def _brief(shape: tuple[int, ...]) -> str:
    text = ", ".join(map(str, shape[:8]))
    return f"[{text[:80]}{', …' if len(shape) > 8 or len(text) > 80 else ''}]"


__all__ = ["MAGIC", "Header", "array_in", "exactly", "header_of", "read_array"]
