"""Arrays in .npz archives: every member known by name once, none encrypted, and none that swells beyond measure."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from attrs import frozen

from zif.errors import InvalidInput
from zif.files.arrays import MAGIC, array_in
from zif.files.limits import EXPANDED, EXPANSION, FREELY, MEMBERS
from zif.files.opening import length, open_plain
from zif.files.paths import Refusal

if TYPE_CHECKING:
    from zif.records import Array

_ENCRYPTED = 0x1
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What zipfile raises for archives and members that are damaged.
_DAMAGED = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError)
#: Where the lengths of name and extra field stand in a member's local header, and how long its fixed part is.
_LENGTHS, _FIXED = 26, 30
_CHUNK = 1 << 20


@frozen
class Member:
    """An array of an archive: its name without .npy, its bytes as .npy, and where those begin if they stand as is."""

    name: str
    bytes: int
    stored: bool
    _info: zipfile.ZipInfo


class Archive:
    """An open .npz whose members were held against the limits. `where` names it in complaints."""

    def __init__(self, stream: BinaryIO, where: str, error: Refusal) -> None:
        self._stream, self._where, self._error = stream, where, error
        with self.told():
            self._zip = zipfile.ZipFile(stream)
        self.members = {member.name: member for member in self._checked()}

    def array(self, name: str) -> Array:
        """The array of a member, read into memory."""
        where = self.where(name)
        with self.told(where), self._zip.open(self.members[name]._info) as stream:
            array = array_in(stream, self.members[name].bytes, where, self._error)
            _drain(stream)  # whose end compares the checksum
            return array

    def content(self, name: str) -> tuple[BinaryIO, int]:
        """The archive's own stream and where in it the .npy of a stored member begins; it is read once, for damage."""
        info = self.members[name]._info
        with self.told(self.where(name)):
            with self._zip.open(info) as stream:
                _drain(stream)
            self._stream.seek(info.header_offset + _LENGTHS)
            lengths = struct.unpack("<HH", self._stream.read(4))
            return self._stream, info.header_offset + _FIXED + sum(lengths)

    def where(self, name: str) -> str:
        """A member in complaints."""
        return f"{self._where}, entry {name!r}"

    @contextmanager
    def told(self, where: str = "") -> Iterator[None]:
        """What zipfile raises inside, as one sentence."""
        try:
            yield
        except OSError as problem:
            raise self._error(f"{where or self._where} cannot be read: {problem.strerror or problem}") from problem
        except _DAMAGED as problem:
            raise self._error(f"{where or self._where} is not a whole file of arrays: {problem}") from problem

    def _checked(self) -> Iterator[Member]:
        infos = self._zip.infolist()
        if len(infos) > MEMBERS:
            raise self._error(f"{self._where} has {len(infos):,} entries, and {MEMBERS:,} are taken")
        arrays = [info for info in infos if info.filename.endswith(".npy")]
        if not arrays:
            names = ", ".join(repr(info.filename[:40]) for info in infos[:3]) or "nothing"
            raise self._error(f"{self._where} holds no arrays: entries are called NAME.npy, and it has {names}")
        seen: set[str] = set()
        for info in arrays:
            if info.filename in seen:
                raise self._error(f"{self._where} has two entries called {info.filename!r}")
            seen.add(info.filename)
            yield self._plain(info)
        self._sized(arrays)

    def _plain(self, info: zipfile.ZipInfo) -> Member:
        name = info.filename.removesuffix(".npy")
        if info.flag_bits & _ENCRYPTED:
            raise self._error(f"{self.where(name)} is encrypted: save it without a password")
        if info.compress_type not in _PLAIN:
            raise self._error(
                f"{self.where(name)} is compressed by method {info.compress_type}, and stored and deflated ones are "
                "read: numpy.savez and numpy.savez_compressed write those"
            )
        stored = info.compress_type == zipfile.ZIP_STORED
        if stored and info.file_size != info.compress_size:
            raise self._error(f"{self.where(name)} is damaged: its two sizes differ")
        return Member(name, info.file_size, stored, info)

    def _sized(self, infos: list[zipfile.ZipInfo]) -> None:
        """What members take in the file is no more than the file has, and what they become is within the limits."""
        if sum(info.compress_size for info in infos) > length(self._stream):
            raise self._error(f"{self._where} is damaged: its entries lie over each other, or it is cut off")
        packed = [info for info in infos if info.compress_type != zipfile.ZIP_STORED]
        total = sum(info.file_size for info in packed)
        if total > EXPANDED.value:
            raise self._error(EXPANDED.exceeded(f"{self._where} holds compressed arrays of", total))
        for info in packed:
            times = info.file_size // max(1, info.compress_size)
            if info.file_size > FREELY and times > EXPANSION.value:
                raise self._error(EXPANSION.exceeded(f"{self.where(info.filename)} grows by a factor of", times))


@contextmanager
def open_archive(path: str | Path, error: Refusal = InvalidInput) -> Iterator[Archive]:
    """An .npz that the caller names, its members checked and none of them read. Raises what `error` makes."""
    with open_plain(path, error) as stream:
        if stream.read(len(MAGIC)) == MAGIC:
            raise error(f"{path} is one array, not an archive of arrays: call it .npy")
        stream.seek(0)
        yield Archive(stream, str(path), error)


def read_arrays(path: str | Path, error: Refusal = InvalidInput) -> dict[str, Array]:
    """All arrays of an .npz that the caller names. Raises what `error` makes."""
    with open_archive(path, error) as archive:
        return {name: archive.array(name) for name in archive.members}


def arrays_in(stream: BinaryIO, where: str, error: Refusal = InvalidInput) -> dict[str, Array]:
    """All arrays of an .npz that is open already, or of its bytes in a BytesIO; `where` names it."""
    archive = Archive(stream, where, error)
    return {name: archive.array(name) for name in archive.members}


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """A new .npz of arrays for another process of this user's, in a folder of its own. Raises OSError."""
    import numpy as np

    with path.open("xb") as file:
        np.savez(file, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})


def _drain(stream: IO[bytes]) -> None:
    while stream.read(_CHUNK):
        pass


__all__ = ["Archive", "Member", "arrays_in", "open_archive", "read_arrays", "save_arrays"]
