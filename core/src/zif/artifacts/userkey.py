"""The user's own key: what zif sealed with it, it knows again, and nobody else can make.

It is 32 random bytes in a file that only the user can read, made when it is first needed. It proves to this user what
this user's zif wrote; it says nothing to others, and is no signature.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from functools import lru_cache
from pathlib import Path

from zif.errors import UsageError
from zif.files.user_data import data_folder
from zif.files.writing import beside

FILE = "seal.key"
_BYTES = 32


def seal_of(purpose: str, text: str) -> str:
    """The seal of this user on a text, in hex. purpose: what it is for; a seal holds for nothing else.

    Raises UsageError where there is no key and none can be made.
    """
    return hmac.new(_key(), f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


def sealed_by_user(purpose: str, text: str, seal: object) -> bool:
    """Whether the seal is this user's, for this purpose and text. Raises UsageError as `seal_of`."""
    return isinstance(seal, str) and hmac.compare_digest(seal_of(purpose, text).encode(), seal.encode())


def ensure_key() -> None:
    """Make the key unless it is there. Raises UsageError where there is none and none can be made."""
    _key()


def _key() -> bytes:
    folder = data_folder()
    if folder is None:
        raise UsageError("this user has no place for a key: ZIF_DATA=FOLDER names one")
    return _key_at(folder / FILE)


@lru_cache(maxsize=8)
def _key_at(file: Path) -> bytes:
    try:
        return _read(file)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"the user's key {file} cannot be read: {error.strerror or error}") from error
    try:
        _make(file)
        return _read(file)
    except OSError as error:
        why = f"the user's key {file} cannot be made: {error.strerror or error}"
        raise UsageError(f"{why}. ZIF_DATA=FOLDER names another place") from error


def _read(file: Path) -> bytes:
    """The key. Raises OSError, UsageError for what is no key of this user's alone."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    fd = os.open(file, os.O_RDONLY | flags)
    try:
        status, key = os.fstat(fd), os.read(fd, _BYTES + 1)
    finally:
        os.close(fd)
    private = os.name != "posix" or (status.st_uid == os.geteuid() and not status.st_mode & 0o077)
    if not stat.S_ISREG(status.st_mode) or len(key) != _BYTES or not private:
        raise UsageError(
            f"{file} is no key that only this user can read (a plain file of {_BYTES} bytes, mode 600): delete it, and"
            " zif makes another; what was sealed with it is then made anew"
        )
    return key


def _make(file: Path) -> None:
    """Write a new key under its name in one step; when another process was faster, theirs stays."""
    import secrets

    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = beside(file, secrets.token_bytes(_BYTES), durable=True, mode=0o600)
    try:
        try:
            os.link(draft, file)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
