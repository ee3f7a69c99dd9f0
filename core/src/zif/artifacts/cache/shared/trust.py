"""Why an entry of a shared cache is believed: it carries a signature by a key that its readers share, or the user says
that nobody else can write there.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from attrs import field, frozen

from zif.errors import UsageError
from zif.files.limits import TEXT
from zif.files.opening import read_bytes
from zif.files.writing import beside, refused

KEY, TRUST, WRITERS = "ZIF_CACHE_KEY", "ZIF_CACHE_TRUST", "writers"
_LEAST = 16


@frozen
class Trust:
    """With a key, what is signed with it is believed; without, everything that lies there."""

    key: bytes = field(default=b"", repr=False)

    @classmethod
    def of_user(cls) -> Trust:
        """As ZIF_CACHE_KEY or ZIF_CACHE_TRUST say. Raises UsageError where neither does: strangers' code would run."""
        file, word = os.environ.get(KEY, ""), os.environ.get(TRUST, "")
        if word not in ("", WRITERS):
            raise UsageError(
                f"{TRUST}={word!r} must be {WRITERS!r}, for a store that only trusted machines can write to"
            )
        if file:
            return cls(_read(Path(file)))
        if word:
            return cls()
        raise UsageError(
            f"what lies in a shared cache is run, so it has to be believed: set {KEY} to the file of a key that all who"
            f" share it have (`zif cache key FILE` makes one), or {TRUST}={WRITERS} where nobody else can write there"
        )

    def signature(self, text: str) -> str:
        """The signature on a text, in hex; "" without a key."""
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest() if self.key else ""

    def believes(self, text: str, signature: object) -> bool:
        """Whether a text is to be believed with this signature."""
        if not self.key:
            return True
        return isinstance(signature, str) and hmac.compare_digest(self.signature(text).encode(), signature.encode())


def make_key(file: Path) -> None:
    """Write a new key that only this user can read. Raises UsageError where something is, NotWritten."""
    if os.path.lexists(file):
        raise UsageError(f"{file} is there already, and a key that others have must not be lost: name another file")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside(file, secrets.token_bytes(32), durable=True, mode=0o600).rename(file)
    except OSError as error:
        raise refused(str(file), error) from error


def _read(file: Path) -> bytes:
    key = read_bytes(file, TEXT, UsageError)
    if len(key) < _LEAST:
        raise UsageError(
            f"{KEY}: {file} has {len(key)} bytes, and a key at least {_LEAST}: `zif cache key FILE` makes one"
        )
    if os.name == "posix" and stat.S_IMODE(os.stat(file).st_mode) & 0o077:
        raise UsageError(
            f"{KEY}: others can read {file}, and could sign what is run here: `chmod 600 {file}` closes it"
        )
    return key
