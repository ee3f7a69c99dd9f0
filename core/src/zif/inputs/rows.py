"""Arrays in .npy and .npz files that are read row by row, so that a file may be larger than memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from zif.files.archives import Archive, open_archive
from zif.files.arrays import Header, array_in, exactly, header_of
from zif.files.opening import length, open_plain

if TYPE_CHECKING:
    from zif.records import Array


class Rows(Protocol):
    """An array with its shape, and its rows along the first axis when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read(self, first: int, count: int) -> Array:
        """`count` rows from `first` on. Raises InvalidInput when the file is not there any more, or cut short."""


class Stored:
    """An array that lies in a file as it is, in C order, from the byte `start` on."""

    def __init__(self, path: Path, where: str, start: int, header: Header) -> None:
        self._path, self._where, self._start, self._dtype = path, where, start, header.dtype
        self.shape = header.shape

    def read(self, first: int, count: int) -> Array:
        shape = (count, *self.shape[1:])
        row = math.prod(self.shape[1:]) * self._dtype.itemsize
        with open_plain(self._path) as stream:
            stream.seek(self._start + first * row)
            return np.frombuffer(exactly(stream, count * row, self._where), self._dtype).reshape(shape)


class Held:
    """An array in memory."""

    def __init__(self, array: Array) -> None:
        self._array = np.atleast_1d(array)
        self.shape: tuple[int, ...] = array.shape

    def read(self, first: int, count: int) -> Array:
        return np.ascontiguousarray(self._array[first : first + count])


def rows_of(path: Path) -> dict[str, Rows]:
    """The arrays of an .npz by name, or that of an .npy under the name "".

    What is compressed, or in Fortran order, has no rows in one piece, and is read into memory. Members of an .npz are
    read through once, which finds damage. Raises InvalidInput for what is no such file.
    """
    if path.suffix.lower() != ".npz":
        with open_plain(path) as stream:
            return {"": _rows(path, str(path), stream, 0, length(stream))}
    with open_archive(path) as archive:
        return {name: _member(path, archive, name) for name in archive.members}


def _member(path: Path, archive: Archive, name: str) -> Rows:
    member = archive.members[name]
    if not member.stored:
        return Held(archive.array(name))
    stream, start = archive.content(name)
    return _rows(path, archive.where(name), stream, start, member.bytes)


def _rows(path: Path, where: str, stream: BinaryIO, base: int, size: int) -> Rows:
    """The array whose .npy of `size` bytes begins at `base`."""
    stream.seek(base)
    header = header_of(stream, size, where)
    if header.fortran and len(header.shape) > 1:
        stream.seek(base)
        return Held(array_in(stream, size, where))
    return Stored(path, where, base + header.start, header)
