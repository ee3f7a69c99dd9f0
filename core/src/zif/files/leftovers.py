"""What must be gone when the process ends, however that comes about: private folders, and files that are half written.

A signal can arrive between any two instructions, also between the making of a folder and the `try` that removes it. So
a path is noted before it is made; whatever is noted and still there in the end is removed then.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_noted: set[Path] = set()
#: So many are noted before those are struck off that are there no longer.
_MANY = 256


def note(path: Path) -> Path:
    """The same path, absolute, to be removed in the end where it is still there. Its name must be one of chance."""
    whole = Path(os.path.abspath(path))
    if len(_noted) >= _MANY:
        for gone in [old for old in _noted if not os.path.lexists(old)]:
            _noted.discard(gone)
    _noted.add(whole)
    return whole


def strike(path: Path) -> None:
    """What is there now may stay."""
    _noted.discard(Path(os.path.abspath(path)))


@contextmanager
def private_folder(prefix: str = "zif-") -> Iterator[Path]:
    """A new folder for temporary files that only this user can enter, gone afterwards. Raises OSError."""
    folder = note(Path(tempfile.gettempdir(), f"{prefix}{secrets.token_hex(6)}"))
    try:
        folder.mkdir(0o700)
        yield folder
    finally:
        _remove(folder)


def clear() -> None:
    """Remove what is noted."""
    for path in list(_noted):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    if not os.path.lexists(path):
        _noted.discard(path)


if hasattr(os, "register_at_fork"):  # what the parent makes is the parent's
    os.register_at_fork(after_in_child=_noted.clear)
atexit.register(clear)
