"""Opening files: plain ones only, without waiting for a pipe, and what a document names only inside its folder."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from zif.errors import InvalidInput
from zif.files.limits import Limit
from zif.files.paths import Refusal, relative

#: Without O_NONBLOCK, opening a pipe waits for its writer; without O_NOCTTY, a terminal may become ours.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
#: Whether a folder can be held open, so that nobody changes what lies above a file while it is opened.
_BY_FOLDER = bool(_NOFOLLOW) and os.open in os.supports_dir_fd and os.mkdir in os.supports_dir_fd

#: What is read at once of a file that is longer than it was said to be.
_CHUNK = 1 << 16

_KINDS = (
    (stat.S_ISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, "it is a pipe, not a file: write it to a file first"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISLNK, "it is a link, which is not followed here"),
)


def open_plain(path: str | Path, error: Refusal = InvalidInput) -> BinaryIO:
    """A file that the caller names, open for reading; links are followed, for the path is the caller's own.

    A folder, a pipe, a socket and a device are refused, and not waited for. Raises what `error` makes.
    """
    with _told(path, error):
        _plain(path, os.stat(path).st_mode, error)
        return _opened(os.open(path, _READ), path, error)


def open_inside(folder: Path, name: str, error: Refusal = InvalidInput) -> BinaryIO:
    """A file that a document in `folder` names, open for reading: `relative`, and reached through no link.

    Where the system can hold folders open, nobody can slip a link in between. Raises what `error` makes.
    """
    relative(name, error)
    where = folder / name
    with _told(where, error), _folder_of(folder, name, error) as (inner, last):
        if inner is None:
            return _same(where, error)
        _plain(where, os.stat(last, dir_fd=inner, follow_symlinks=False).st_mode, error)
        return _opened(os.open(last, _READ | _NOFOLLOW, dir_fd=inner), where, error)


def create_inside(folder: Path, name: str, error: Refusal = InvalidInput) -> BinaryIO:
    """A new file of this name below `folder`, open for writing, with the folders in between made.

    It must not be there yet, and no link is followed. Raises what `error` makes.
    """
    relative(name, error)
    where = folder / name
    with _told(where, error, "written"), _folder_of(folder, name, error, make=True) as (inner, last):
        handle = os.open(where if inner is None else last, _MAKE | _NOFOLLOW, 0o666, dir_fd=inner)
        return os.fdopen(handle, "wb")


def remove_inside(folder: Path, name: str, error: Refusal = InvalidInput) -> None:
    """Delete a plain file below `folder`, reached through no link. What is not there needs no deleting.

    Raises what `error` makes.
    """
    relative(name, error)
    where = folder / name
    with _told(where, error, "deleted"), suppress(FileNotFoundError), _folder_of(folder, name, error) as (inner, last):
        path = where if inner is None else last
        _plain(where, os.stat(path, dir_fd=inner, follow_symlinks=False).st_mode, error)
        os.unlink(path, dir_fd=inner)


def read_bytes(path: str | Path, limit: Limit, error: Refusal = InvalidInput) -> bytes:
    """The content of a file that the caller names, if it is no more than `limit`."""
    with open_plain(path, error) as stream:
        return whole(stream, str(path), limit, error)


def whole(stream: BinaryIO, where: str, limit: Limit, error: Refusal = InvalidInput) -> bytes:
    """All that is left of an open file, if it is no more than `limit`."""
    most, there = limit.value, length(stream)
    if there > most:
        raise error(limit.exceeded(f"{where} is", there))
    data = bytearray()
    with _told(where, error):  # as much as is there, for so much is allocated; more when it grew meanwhile
        while (part := stream.read(max(there + 1 - len(data), _CHUNK))) and len(data) <= most:
            data += part
    if len(data) > most:
        raise error(limit.exceeded(f"{where} is"))
    return bytes(data)


def length(stream: BinaryIO) -> int:
    """The bytes of an open file, or of bytes that are read like one."""
    return len(stream.getbuffer()) if isinstance(stream, io.BytesIO) else os.fstat(stream.fileno()).st_size


def is_plain(path: str | Path) -> bool:
    """Whether there is a plain file (or a link to one). Never raises: a name that no file can have is none."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def missing(path: str | Path) -> bool:
    """Whether there is nothing at all, not even a folder or a pipe."""
    try:
        os.stat(path)
    except (OSError, ValueError):
        return True
    return False


def _plain(path: str | Path, mode: int, error: Refusal) -> None:
    if not stat.S_ISREG(mode):
        told = next((words for test, words in _KINDS if test(mode)), "it is a device, not a file")
        raise error(f"{path} cannot be read: {told}")


def _opened(handle: int, path: str | Path, error: Refusal) -> BinaryIO:
    """The file behind a handle, looked at once more: it may have been changed for a pipe meanwhile."""
    try:
        _plain(path, os.fstat(handle).st_mode, error)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


@contextmanager
def _folder_of(folder: Path, name: str, error: Refusal, *, make: bool = False) -> Iterator[tuple[int | None, str]]:
    """The open folder that a name lies in, reached through no link, and the name's last part.

    None for the folder where systems cannot hold one open: every part is looked at instead.
    """
    *folders, last = name.split("/")
    if not _BY_FOLDER:
        _look(folder, folders, error, make=make)
        yield None, last
        return
    flags = os.O_RDONLY | os.O_DIRECTORY
    inner = os.open(folder, flags)
    try:
        for part in folders:
            if make:
                _made(part, inner)
            if stat.S_ISLNK(os.stat(part, dir_fd=inner, follow_symlinks=False).st_mode):
                raise error(f"{folder / name} lies behind a link, which is not followed here")
            inner, outer = os.open(part, flags | _NOFOLLOW, dir_fd=inner), inner
            os.close(outer)
        yield inner, last
    finally:
        os.close(inner)


def _made(part: str | Path, inner: int | None = None) -> None:
    try:
        os.mkdir(part, dir_fd=inner)
    except FileExistsError:
        return  # what it is, is looked at next


def _look(folder: Path, folders: list[str], error: Refusal, *, make: bool) -> None:
    place = folder
    for part in folders:
        place = place / part
        if make:
            _made(place)
        mode = os.lstat(place).st_mode
        if not stat.S_ISDIR(mode):
            raise error(f"{place} is no folder, or lies behind a link, which is not followed here")


def _same(where: Path, error: Refusal) -> BinaryIO:
    """Open a file that is no link, and see that the one that was opened is the one that was looked at."""
    seen = os.lstat(where)
    _plain(where, seen.st_mode, error)
    stream = _opened(os.open(where, _READ), where, error)
    status = os.fstat(stream.fileno())
    if (status.st_dev, status.st_ino) != (seen.st_dev, seen.st_ino):
        stream.close()
        raise error(f"{where} was changed while it was opened")
    return stream


@contextmanager
def _told(where: object, error: Refusal, done: str = "read") -> Iterator[None]:
    """What the system raises, as one sentence that names the file."""
    try:
        yield
    except FileNotFoundError as problem:
        if done == "read":
            raise error(f"{where} cannot be read: there is no such file") from problem
        raise error(f"{where} cannot be {done}: {problem.strerror}") from problem
    except OSError as problem:
        raise error(f"{where} cannot be {done}: {problem.strerror or problem}") from problem
    except ValueError as problem:  # a NUL, or half a surrogate pair, in a name
        raise error(f"{str(where)!r} cannot be {done}: no file can have this name ({problem})") from problem
