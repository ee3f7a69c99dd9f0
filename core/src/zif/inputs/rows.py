"""Arrays in .npy and .npz files that are read row by row, so that a file may be larger than memory."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np

from zif.errors import InvalidInput

if TYPE_CHECKING:
    from zif.records import Array

#: So many bytes of a member are looked at in one go.
_CHUNK = 1 << 20
#: Where the lengths of name and extra field stand in a member's local header, and how long its fixed part is.
_LENGTHS, _FIXED = 26, 30
#: What numpy and zipfile raise for files that are damaged, encrypted or something else.
_DAMAGED = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError)


class Rows(Protocol):
    """An array with its shape, and its rows along the first axis when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read(self, first: int, count: int) -> Array:
        """`count` rows from `first` on. Raises InvalidInput when the file is not there any more, or cut short."""


class Stored:
    """An array that lies in a file as it is: `start` bytes into it are its elements, in C order."""

    def __init__(self, path: Path, where: str, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._path, self._where, self._start, self._dtype = path, where, start, dtype
        self.shape = shape

    def read(self, first: int, count: int) -> Array:
        shape = (count, *self.shape[1:])
        row = _size(self.shape[1:], self._dtype)
        content = bytearray(count * row)
        with _told(self._where), self._path.open("rb") as stream:
            stream.seek(self._start + first * row)
            if stream.readinto(content) < len(content):
                raise EOFError("it ends before its data do")
        return np.frombuffer(content, self._dtype).reshape(shape)


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
    with _told(str(path)):
        if path.suffix.lower() != ".npz":
            with path.open("rb") as stream:
                return {"": _rows(path, str(path), stream, 0, path.stat().st_size)}
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
            return {one.filename.removesuffix(".npy"): _member(path, archive, one) for one in members}


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Rows:
    if info.compress_type != zipfile.ZIP_STORED:
        with archive.open(info) as stream:
            return Held(np.lib.format.read_array(stream, allow_pickle=False))
    with archive.open(info) as stream:
        while stream.read(_CHUNK):
            pass
    with path.open("rb") as stream:
        return _rows(
            path, f"{path}, entry {info.filename.removesuffix('.npy')!r}", stream, _content(path, info), info.file_size
        )


def _rows(path: Path, where: str, stream: IO[bytes], base: int, length: int) -> Rows:
    """The array whose .npy of `length` bytes begins at `base`."""
    stream.seek(base)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which could run code")
    start = stream.tell()
    if start - base + _size(shape, dtype) > length:
        raise EOFError("it ends before its data do")
    if fortran and len(shape) > 1:
        stream.seek(base)
        return Held(np.lib.format.read_array(stream, allow_pickle=False))
    return Stored(path, where, start, shape, dtype)


def _size(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """The bytes of an array."""
    return int(dtype.itemsize * np.prod(shape, dtype=np.int64))


def _content(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's content begins: behind its local header, whose lengths may differ from the directory's."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset + _LENGTHS)
        name, extra = struct.unpack("<HH", stream.read(4))
    return int(info.header_offset + _FIXED + name + extra)


@contextmanager
def _told(where: str) -> Iterator[None]:
    """What is raised inside, as InvalidInput with the place."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{where} cannot be read: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise InvalidInput(f"{where} is not a whole file of arrays: {error}") from error
