"""Which chips a sweep is for: names, globs over them and over what else they are called, or all."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import zif
from zif import UsageError
from zif.plugin import targets

_GLOB = frozenset("*?[")


def targets_of(words: Iterable[str]) -> tuple[str, ...]:
    """The names of the chips, each once, in the order of the words. Raises UsageError for a word that names none."""
    names: dict[str, None] = {}
    for word in words:
        names.update(dict.fromkeys(_named(word.strip())))
    return tuple(names)


def _named(word: str) -> list[str]:
    if word == "all":
        return [chip.name for chip in targets()]
    if not _GLOB & set(word):
        return [zif.target(word).name]
    low = word.lower()
    matched = [
        chip.name for chip in targets() if any(fnmatchcase(name.lower(), low) for name in (chip.name, *chip.aliases))
    ]
    if not matched:
        raise UsageError(f"no chip matches {word!r}; `zif targets` lists them, and `all` means every one")
    return matched
