"""The names of chips, whatever the spelling."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from zif.records import Target

#: Words that are in some spellings of a chip's name and not in others, besides its vendor's name.
_WORDS = ("mobile", "technologies", "inc", "proxy")


def key(name: str, vendors: Collection[str] = ()) -> str:
    """What all spellings of a name have in common: "Acme® One 8 Mobile", "one-8" and "acme-one8" of "acme"."""
    return _noise(frozenset(vendors)).sub("", name.lower())


@lru_cache(maxsize=16)
def _noise(vendors: frozenset[str]) -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted((*_WORDS, *vendors))))
    return re.compile(rf"\b({words})\b|\((r|tm|c)\)|[^a-z0-9+]+")


def vendors_of(chips: Iterable[Target]) -> frozenset[str]:
    """The names of the vendors of some chips, in lower case."""
    return frozenset(vendor.lower() for chip in chips for vendor in chip.vendor)


def index(chips: Iterable[Target]) -> Mapping[str, Target]:
    """Chips by every spelling of their names, as it is written and without the name of the chip's own vendor.

    A name wins over an alias and a title, what is written whole over what is not, and a later chip's over an earlier
    one's.
    """
    order, spelled = tuple(chips), dict[str, Target]()
    for target in order:
        names = (target.title, *target.aliases, target.name)
        spelled.update(dict.fromkeys((key(name, vendors_of([target])) for name in names), target))
    for target in order:
        spelled.update(dict.fromkeys(map(key, (target.title, *target.aliases)), target))
    spelled.update({key(target.name): target for target in order})
    spelled.pop("", None)  # a title of nothing but words that do not count
    return spelled


def find(name: str, spelled: Mapping[str, Target]) -> Target | None:
    """The chip that is meant by a name, with or without its vendor's."""
    return spelled.get(key(name)) or spelled.get(key(name, vendors_of(spelled.values())))
