"""The names that zif itself gives in a cache: no other is ever deleted."""

from __future__ import annotations

import re

#: The folder's own entries, and the tag by which backup tools know a cache (https://bford.info/cachedir/).
ARTIFACTS, LOCKS, TAG = "artifacts", "locks", "CACHEDIR.TAG"

#: The folder of what was verified, beside the artifacts.
VERIFIED = "verified"

#: The folder of what a shared cache does not have yet: an empty file for each, named as the artifact.
UNSENT = "unsent"

#: What a folder of an artifact begins with while it is written, and while it is deleted.
DRAFT, GONE = ".draft-", ".gone-"

_KEY = re.compile(r"[0-9a-f]{64}")
_PASSING = re.compile(rf"{re.escape(DRAFT)}[a-z0-9_]{{8}}|{re.escape(GONE)}[0-9]+-[0-9]+")
_ANSWER = re.compile(r"[0-9a-f]{64}\.json|\.[0-9a-f]{64}\.json\.[0-9a-f]{8}\.part|tmp[a-z0-9_]{8}\.part")


def is_key(name: str) -> bool:
    """Whether it is the name of an artifact or of its lock: a key's hash."""
    return _KEY.fullmatch(name) is not None


def is_passing(name: str) -> bool:
    """Whether it is a name that an artifact has while it is written or deleted."""
    return _PASSING.fullmatch(name) is not None


def is_answer(name: str) -> bool:
    """Whether it is the name of what a backend keeps beside the artifacts: a hash, or the draft of such a file."""
    return _ANSWER.fullmatch(name) is not None
