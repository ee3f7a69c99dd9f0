"""Artifacts kept by what they were made from, and why one was not found."""

from __future__ import annotations

from zif.artifacts.cache.entry import Entry
from zif.artifacts.cache.key import Key, key_of
from zif.artifacts.cache.place import default_cache, default_limit, default_root
from zif.artifacts.cache.store import Cache, Hit, Miss

__all__ = ["Cache", "Entry", "Hit", "Key", "Miss", "default_cache", "default_limit", "default_root", "key_of"]
