"""Files whose size and hash were written down: opened once, and what is used is what was hashed.

Who asks for the content gets the bytes that were read for the hash. Who needs a path gets one with a mark, by which
`check_mark` tells later whether anybody has touched the file since.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

from zif.files.opening import create_inside, length, open_inside, open_plain

_CHUNK = 1 << 20


class Damaged(Exception):
    """What is on disk is not what was written; the message says which file and how."""


@frozen
class Content:
    """The hash (sha256 in hex) and the size of a file."""

    sha256: str
    bytes: int


@frozen
class Mark:
    """What a file was when it was hashed: where it lies, and when it was last changed (by the system's own clock)."""

    device: int
    number: int
    bytes: int
    written_ns: int
    changed_ns: int


def total_bytes(files: Mapping[str, bytes | Path]) -> int:
    """How much room files need."""
    return sum(len(content) if isinstance(content, bytes) else content.stat().st_size for content in files.values())


def write_file(content: bytes | Path, folder: Path, name: str, *, sync: bool = False) -> Content:
    """Copy bytes or an existing file to a new file of this name in `folder`, hashed on the way.

    sync waits for the disk. Raises OSError when there is no room, Damaged for a name that is none, or is there already.
    """
    total, size = hashlib.sha256(), 0
    with create_inside(folder, name, Damaged) as file:
        for chunk in _chunks(content):
            total.update(chunk)
            file.write(chunk)
            size += len(chunk)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    return Content(total.hexdigest(), size)


def read_file(folder: Path, name: str, content: Content) -> bytes:
    """The bytes of a file, which are those that were written. Raises Damaged."""
    with _sized(folder, name, content) as file:
        data = file.read(content.bytes + 1)
    _check(name, hashlib.sha256(data), len(data), content)
    return data


@contextmanager
def open_file(folder: Path, name: str, content: Content) -> Iterator[BinaryIO]:
    """A file, open at its beginning after its hash was checked. Raises Damaged."""
    with _sized(folder, name, content) as file:
        total, size = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK):
            total.update(chunk)
            size += len(chunk)
        _check(name, total, size, content)
        file.seek(0)
        yield file


def mark_file(folder: Path, name: str, content: Content) -> Mark:
    """Check the hash of a file that is to be opened by its path, and give its mark. Raises Damaged."""
    with open_file(folder, name, content) as file:
        return _mark(os.fstat(file.fileno()))


def check_mark(folder: Path, name: str, mark: Mark) -> None:
    """Raise Damaged when the file is not the one that was hashed, or somebody has touched it since."""
    try:
        same = _mark(os.lstat(folder / name)) == mark
    except OSError:
        same = False
    if not same:
        raise Damaged(f"{name} was changed while it was loaded")


def check_size(folder: Path, name: str, content: Content) -> None:
    """Raise Damaged when a file is missing, is no plain file, lies behind a link or has another size; reads nothing."""
    with _sized(folder, name, content):
        pass


@contextmanager
def _sized(folder: Path, name: str, content: Content) -> Iterator[BinaryIO]:
    with open_inside(folder, name, Damaged) as file:
        if length(file) != content.bytes:
            raise Damaged(f"{name} has {length(file)} bytes instead of {content.bytes}")
        try:
            yield file
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror or error}") from error


def _check(name: str, total: hashlib._Hash, size: int, content: Content) -> None:
    if size != content.bytes or total.hexdigest() != content.sha256:
        raise Damaged(f"{name} was changed: its sha256 is not the one that was written down")


def _mark(status: os.stat_result) -> Mark:
    return Mark(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _chunks(content: bytes | Path) -> Iterator[bytes | memoryview]:
    if isinstance(content, Path):
        with open_plain(content, OSError) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        return
    view = memoryview(content)
    for start in range(0, len(view), _CHUNK):
        yield view[start : start + _CHUNK]
