"""Entries of the cache that carry the user's own seal and are odd all the same: of another version, or a bad disk."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from random import Random

from zif.artifacts.cache.entry import INDEX, SCHEMA
from zif.artifacts.sealing import canonical, seal

from tools.fuzz import documents, odd

_KEY = "/seal.key"


def damaged_entry(rng: Random, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a home with a cache; an index, or a file of an artifact, damaged and sealed with the user's key."""
    made = dict(files)
    place = rng.choice([name for name in sorted(made) if name.endswith(f"/{INDEX}")])
    folder, index = place.removesuffix(f"/{INDEX}"), json.loads(made[place])
    for field in ("sha256", "seal"):
        index.pop(field, None)
    if rng.random() < 0.6:
        index = documents.damaged(rng, index, (*index, *index["key"]))
    else:
        name = rng.choice(sorted(index["files"]))
        content = odd.spoiled(rng, made[f"{folder}/files/{name}"])
        made[f"{folder}/files/{name}"] = content
        index["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    key = next(content for name, content in made.items() if name.endswith(_KEY))
    made[place] = _sealed(rng, index, folder.rpartition("/")[2], key)
    return made


def _sealed(rng: Random, index: object, name: str, key: bytes) -> bytes:
    if not isinstance(index, dict):
        return documents.written(rng, index)
    try:
        text = f"{SCHEMA}\0{canonical([name, index])}"
        return seal({**index, "seal": hmac.new(key, text.encode(), hashlib.sha256).hexdigest()})
    except (ValueError, TypeError, RecursionError):
        return documents.written(rng, index)
