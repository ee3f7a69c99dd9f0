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


def vendors_of(chips: Collection[Target]) -> frozenset[str]:
    """The names of the vendors of some chips, in lower case."""
    return frozenset(vendor.lower() for chip in chips for vendor in chip.vendor)


def index(chips: Iterable[Target], vendors: Collection[str]) -> Mapping[str, Target]:
    """Chips by every spelling of their names. A name wins over an alias, and a later chip's over an earlier one's."""
    order, spelled = tuple(chips), dict[str, Target]()
    for one in order:
        spelled.update(dict.fromkeys((key(name, vendors) for name in (one.title, *one.aliases)), one))
    spelled.update({key(one.name, vendors): one for one in order})
    spelled.pop("", None)  # a title of nothing but words that do not count
    return spelled
