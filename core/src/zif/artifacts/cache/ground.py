"""Whether a folder is zif's own, so that artifacts may be kept, run and deleted in it; an empty one is taken.

A folder is zif's when it holds our tag, belongs to the user, can be written by nobody else, and neither it nor the
folders in it are links. A cache of before there was a tag is known by its content.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from zif.artifacts.cache.names import ARTIFACTS, LOCKS, TAG, is_answer, is_key, is_passing
from zif.errors import UsageError

_STANDARD = "Signature: 8a477f597d28d172789f06886806bc55"
_OURS = "# zif keeps compiled segments in this folder, and deletes in it what it put there."
_MORE = "# Everything here can be made again. See https://bford.info/cachedir/"
_TEXT = f"{_STANDARD}\n{_OURS}\n{_MORE}\n".encode("ascii")
_NEXT = "ZIF_CACHE=FOLDER names an empty or a new folder for the cache, ZIF_CACHE=off goes without"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def claim(root: Path) -> None:
    """Make the folder zif's own: a new or empty one gets our tag, an old cache too, one that has it is looked at again.

    Raises UsageError naming the folder and the next step for any other, OSError when it cannot be made.
    """
    if is_ours(root):
        return
    _refuse_home(root)
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_folder(root)
    _close_to_others(root)
    fd = os.open(root / TAG, os.O_WRONLY | os.O_CREAT | _NO_LINK, 0o600)
    with os.fdopen(fd, "wb") as file:  # what is there already begins alike: another process writes it, too
        file.write(_TEXT)


def is_ours(root: Path) -> bool:
    """Whether the folder is zif's own already; changes nothing. False when it is not there, empty, or an old cache.

    Raises UsageError for any other folder, and for one that others could have changed.
    """
    try:
        os.lstat(root)
    except (FileNotFoundError, NotADirectoryError):
        return False
    _check_folder(root)
    for name in (ARTIFACTS, LOCKS):
        if os.path.lexists(root / name):
            _check_folder(root / name)
    tag = _tag(root)
    if tag == _TEXT:
        _close_to_others(root)
        return True
    stranger = next(_strangers(root, tag), None)
    if stranger is not None:
        raise UsageError(f"{root} is no folder that zif made: it holds {stranger!r}. {_NEXT}")
    return False


def _check_folder(folder: Path) -> None:
    """Raise UsageError unless it is a real folder of this user, which nobody else can write to."""
    status = os.lstat(folder)
    if stat.S_ISLNK(status.st_mode):
        raise UsageError(f"{folder} is a link, and the cache follows none: name the folder itself. {_NEXT}")
    if not stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{folder} is no folder. {_NEXT}")
    if hasattr(os, "geteuid"):
        if status.st_uid != os.geteuid():
            raise UsageError(f"{folder} belongs to another user, who could change what is run from it. {_NEXT}")
        if status.st_mode & _OTHERS_WRITE:
            why = "others can write to it, and could change what is run from it"
            raise UsageError(f"{folder} is not used as a cache: {why}. `chmod 700 {folder}` closes it. {_NEXT}")


def _refuse_home(root: Path) -> None:
    """Never take the user's home, or a folder that it lies in, even when it is empty."""
    with contextlib.suppress(RuntimeError, OSError):
        if Path.home().resolve().is_relative_to(root.resolve()):
            raise UsageError(f"{root} is the user's home or a folder around it, and no place for a cache. {_NEXT}")
    if root.resolve().parent == root.resolve():
        raise UsageError(f"{root} is the root of a file system, and no place for a cache. {_NEXT}")


def _close_to_others(root: Path) -> None:
    """Models are nobody else's business. A disk that cannot be written keeps what it has."""
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(os.lstat(root).st_mode)
        if os.name == "posix" and mode & 0o077:
            root.chmod(mode & 0o700)


def _tag(root: Path) -> bytes | None:
    """How the tag begins; None where there is no plain file of its name."""
    try:
        fd = os.open(root / TAG, os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        return os.read(fd, len(_TEXT) + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


def _strangers(root: Path, tag: bytes | None) -> Iterator[str]:
    """What in a folder without our tag a cache of ours would not hold; a tag that is being written is ours."""
    for entry in _entries(root):
        if entry.name == TAG and tag is not None and _TEXT.startswith(tag):
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield entry.name
        elif entry.name == ARTIFACTS:
            yield from _others(entry, lambda entry: entry.is_dir(follow_symlinks=False) and _an_artifact(entry))
        elif entry.name == LOCKS:
            yield from _others(entry, lambda entry: _plain(entry) and is_key(entry.name) and entry.stat().st_size == 0)
        else:
            yield from _others(entry, _answer_or_answers)


def _others(folder: os.DirEntry[str], ours: Callable[[os.DirEntry[str]], bool]) -> Iterator[str]:
    return (f"{folder.name}/{entry.name}" for entry in _entries(Path(folder.path)) if not ours(entry))


def _an_artifact(folder: os.DirEntry[str]) -> bool:
    """Whether it is an artifact under the hash of its key, or was being written or deleted when its process died."""
    from zif.artifacts.cache.entry import is_entry

    return is_passing(folder.name) or (is_key(folder.name) and is_entry(Path(folder.path)))


def _answer_or_answers(entry: os.DirEntry[str]) -> bool:
    """What a backend keeps: answers, or a folder of nothing else."""
    if entry.is_dir(follow_symlinks=False):
        return all(_plain(item) and is_answer(item.name) for item in _entries(Path(entry.path)))
    return _plain(entry) and is_answer(entry.name)


def _plain(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)
