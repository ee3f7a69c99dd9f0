"""Zip archives that are models of other frameworks: the list of members, and their contents, bounded.

What a member says of itself is not believed: it may swell, lie over another one, be an archive that holds itself.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from zif.errors import InvalidModel
from zif.files.limits import EXPANDED, FREELY
from zif.files.opening import length, open_plain

#: What zipfile raises for archives and members that are damaged.
_DAMAGED: tuple[type[Exception], ...]
_DAMAGED = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, KeyError)
_DAMAGED += (NotImplementedError, RuntimeError)
_CHUNK = 1 << 20
#: How many archives may lie in each other.
_DEEP = 4


class Content:
    """A member, open for reading: `read` and `readline` as of a file, `more` says whether anything is left.

    They raise InvalidModel for what is damaged, and when all members of the archive come to more than it may have.
    """

    def __init__(self, stream: IO[bytes], where: str, budget: list[int]) -> None:
        self._stream, self._where, self._budget = stream, where, budget
        self._next = b""

    def read(self, most: int) -> bytes:
        """So many bytes, or what is left."""
        blocks = []
        while most > 0 and (part := self._some(min(most, _CHUNK))):
            blocks.append(part)
            most -= len(part)
        return b"".join(blocks)

    def readline(self) -> bytes:
        """The bytes up to the end of a line, with it."""
        blocks = []
        while (part := self._some(_CHUNK, line=True)) and not part.endswith(b"\n"):
            blocks.append(part)
        return b"".join([*blocks, part])

    def more(self) -> bool:
        """Whether anything is left."""
        self._next = self._next or self._some(1)
        return bool(self._next)

    def _some(self, most: int, line: bool = False) -> bytes:
        if self._next:
            head, self._next = self._next[:most], self._next[most:]
            return head
        try:
            part = self._stream.readline(most) if line else self._stream.read(most)
        except _DAMAGED as error:
            raise InvalidModel(_cut(self._where, error)) from error
        self._budget[0] -= len(part)
        if self._budget[0] < 0:
            raise InvalidModel(f"{EXPANDED.exceeded(f'{self._where} swells to')}")
        return part


def zip_members(path: Path) -> list[str]:
    """The names in a zip archive; nothing is unpacked. Raises InvalidModel."""
    try:
        with open_plain(path, InvalidModel) as stream, zipfile.ZipFile(stream) as archive:
            return archive.namelist()
    except _DAMAGED as error:
        raise InvalidModel(_cut(str(path), error)) from error


def zip_contents(path: Path) -> Iterator[tuple[str, Content]]:
    """Each member of a zip archive with its name, and of the archives in it, "outer/inner"; to be read as they come.

    Raises InvalidModel for what is damaged, for archives in each other without an end, and where all come to more than
    the file has or `ZIF_MAX_EXPANDED` allows.
    """
    with open_plain(path, InvalidModel) as stream:
        budget = [max(EXPANDED.value, length(stream))]
        yield from _walked(stream, "", str(path), budget, 1)


def _walked(stream: IO[bytes], above: str, where: str, budget: list[int], depth: int) -> Iterator[tuple[str, Content]]:
    if depth > _DEEP:
        raise InvalidModel(f"{where} has archives in each other, more than {_DEEP} deep: name the model itself")
    try:
        archive = zipfile.ZipFile(stream)
        infos = archive.infolist()
    except _DAMAGED as error:
        raise InvalidModel(_cut(where, error)) from error
    for info in infos:
        name = f"{above}{info.filename}"
        with _opened(archive, info, where) as member:
            content = Content(member, where, budget)
            head = content.read(4)
            content._next = head
            if head == b"PK\x03\x04":
                inner = io.BytesIO(content.read(FREELY))
                if content.more():
                    raise InvalidModel(
                        f"{where} has an archive in it that is larger than is looked into: {name[:200]!r}"
                    )
                yield from _walked(inner, f"{name}/", where, budget, depth + 1)
            else:
                yield name, content


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> IO[bytes]:
    try:
        return archive.open(info)
    except _DAMAGED as error:
        raise InvalidModel(_cut(where, error)) from error


def _cut(where: str, error: Exception) -> str:
    return f"{where} is a zip archive that is cut off or damaged ({error}): copy it again"
