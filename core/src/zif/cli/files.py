"""Files that commands write: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from zif.errors import UsageError


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Write a file with `fill`, beside its place and then renamed. Raises UsageError when that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                fill(stream)
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8. Raises UsageError."""
    write(path, lambda stream: stream.write(text.encode()))


def check_output(path: Path, *read: Path | None) -> None:
    """Raise UsageError for an output that cannot be written, or that is a file that is read; before minutes of work."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it")
    for one in read:
        if one is not None and path.exists() and one.exists() and path.samefile(one):
            raise UsageError(f"{path} is read by this command, and would be lost: name another file")
    there = next(one for one in path.absolute().parents if one.exists())
    if not there.is_dir():
        raise UsageError(f"{path} cannot be written: {there} is no folder")
    if not os.access(there, os.W_OK):
        raise UsageError(f"{path} cannot be written: {there} is not writable")


def _umask() -> int:
    """The mask that new files of this process get; mkstemp ignores it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
