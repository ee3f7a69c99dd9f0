"""Deleting in a cache: below an open folder, so that no link that is put in the way meanwhile leads elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from zif.artifacts.cache.names import GONE, is_key, is_passing

#: Whether this system names files relative to an open folder.
_RELATIVE = {os.open, os.rename, os.unlink, os.stat}.issubset(os.supports_dir_fd) and hasattr(os, "O_NOFOLLOW")


def take_out(artifacts: Path, name: str) -> bool:
    """Delete the folder of an artifact. It leaves in one step: a reader finds all of it or nothing. Whether it is gone.

    Anything else under that name (a link, a file) stays, and so does every name that is no key.
    """
    gone = f"{GONE}{os.getpid()}-{time.monotonic_ns()}"
    with contextlib.suppress(OSError), _opened(artifacts) as folder:
        if is_key(name) and stat.S_ISDIR(folder.mode(name)):
            folder.rename(name, gone)
            folder.remove_tree(gone)
            return True
    return False


def sweep(folder: Path, seconds: float, ours: Callable[[str], bool]) -> None:
    """Delete what has one of our names and was not touched for so long; links are not followed, and stay."""
    with contextlib.suppress(OSError), _opened(folder) as opened:
        for name in filter(ours, opened.names()):
            with contextlib.suppress(OSError):
                opened.remove_old(name, time.time() - seconds)


def strangers(folder: Path) -> list[str]:
    """The names in the folder of the artifacts that zif did not give, or that are no folders."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(e.name for e in entries if not (_named(e.name) and e.is_dir(follow_symlinks=False)))
    return []


def _named(name: str) -> bool:
    return is_key(name) or is_passing(name)


class _Folder:
    """A folder, by its descriptor where the system can do that, else by its path."""

    def __init__(self, path: Path, fd: int | None) -> None:
        self._path, self._fd = path, fd

    def names(self) -> list[str]:
        return os.listdir(self._path if self._fd is None else self._fd)

    def mode(self, name: str) -> int:
        return self._stat(name).st_mode

    def rename(self, name: str, to: str) -> None:
        os.rename(self._at(name), self._at(to), src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove_tree(self, name: str) -> None:
        shutil.rmtree(self._at(name), ignore_errors=True, dir_fd=self._fd)

    def remove_old(self, name: str, before: float) -> None:
        status = self._stat(name)
        if status.st_mtime > before:
            return
        if stat.S_ISDIR(status.st_mode):
            self.remove_tree(name)
        elif stat.S_ISREG(status.st_mode):
            os.unlink(self._at(name), dir_fd=self._fd)

    def _stat(self, name: str) -> os.stat_result:
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def _at(self, name: str) -> str:
        return name if self._fd is not None else str(self._path / name)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Folder]:
    """The folder itself, not what a link of its name leads to. Raises OSError."""
    if not _RELATIVE:
        yield _Folder(path, None)
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield _Folder(path, fd)
    finally:
        os.close(fd)
