"""Writing files and folders whole or not at all: under a name beside their place first, and then renamed.

A link at the place is replaced, not followed, as is everything that a reader could see half-written. A device, a
pipe or a socket is refused.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from zif.errors import NotWritten, UsageError, ZifError
from zif.files.leftovers import note

#: What fills a new file.
Fill = Callable[[BinaryIO], object]

#: What systems say of a place that cannot be written to, which the caller can name better. All else is the machine's:
#: a full disk, a quota, a limit on the size of files, a broken device.
_PLACE = frozenset(
    {
        *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EROFS, errno.EEXIST),
        *(errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.ENOTEMPTY, errno.EBUSY, errno.EXDEV),
    }
)

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def refused(what: str, error: OSError, hint: str = "") -> ZifError:
    """Why something cannot be written, to raise: UsageError for a wrong place, NotWritten where the machine failed.

    hint: what to do, as sentences.
    """
    why = error.strerror or str(error) or type(error).__name__
    if error.errno is None and re.match(r"\d+ requested and \d+ written", why):  # numpy's words for a full disk
        why = f"only part of it went to the disk ({why})"
    kind = UsageError if error.errno in _PLACE else NotWritten
    return kind(f"{what} cannot be written: {why}" + (f". {hint}" if hint else ""))


def write_whole(path: Path, content: bytes | str | Fill, *, durable: bool = False) -> None:
    """Write a file (text in UTF-8) in an existing folder, or leave what is there as it is. Raises OSError.

    durable: wait until it is on the disk, for what cannot be made again.
    """
    made = beside(path, content, durable=durable)
    try:
        made.replace(path)
    except BaseException:
        _drop(made)
        raise
    if durable:
        sync_folder(path.parent)


def beside(path: Path, content: bytes | str | Fill, *, durable: bool = False, mode: int = 0o666) -> Path:
    """A whole new file in the folder of `path`, for the caller to rename. Raises OSError, and leaves nothing then.

    mode: who may do what with it, less what the process's mask takes away.
    """
    _refuse_special(path)
    made = note(path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part"))
    handle = os.open(made, _NEW, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            _fill(stream, content)
            if durable:
                stream.flush()
                os.fsync(handle)
    except BaseException:  # Ctrl-C too
        _drop(made)
        raise
    return made


@contextmanager
def drafted(folder: Path, mode: int = 0o777) -> Iterator[Path]:
    """A new folder to fill and then to rename; gone when that fails, or never happens. Raises OSError."""
    note(folder)
    try:
        folder.mkdir(mode)
        yield folder
    except BaseException:  # Ctrl-C too
        shutil.rmtree(folder, ignore_errors=True)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until the folder's own entries are on the disk, where systems can do that. Raises OSError."""
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _fill(stream: BinaryIO, content: bytes | str | Fill) -> None:
    if callable(content):
        content(stream)
    else:
        stream.write(content.encode() if isinstance(content, str) else content)


def _refuse_special(path: Path) -> None:
    """Raise OSError for a device, a pipe or a socket: renaming over one would take it away from everybody."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
            raise OSError(
                errno.EINVAL, "it is a device, a pipe or a socket, which is not replaced by a file", str(path)
            )


def _drop(made: Path) -> None:
    with suppress(OSError):
        made.unlink(missing_ok=True)
