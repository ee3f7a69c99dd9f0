"""A cache that machines share, into which somebody has written who has the key, or has not."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from zif.artifacts.cache.shared.tier import SCHEMA
from zif.artifacts.cache.shared.trust import Trust
from zif.artifacts.sealing import canonical

from tools.fuzz import documents, odd
from tools.fuzz.material import CHIP, STORE, TEAM, Material
from tools.fuzz.world import Case

_KNOWN = ("schema", "key", "name", "files", "sha256", "bytes", "signature", "main", "format")


def shared(rng: Random, material: Material) -> Case:
    """A command with such a cache, of which something is odd."""
    files = {f"store/{name}": content for name, content in material.store().items()}
    name = rng.choice(sorted(files))
    entry = next(place for place in sorted(files) if place.startswith("store/entries/"))
    way = rng.choice(("bytes", "signed", "signed", "signed", "document", "drop", "rename", "more", "key"))
    environment = dict(STORE)
    if way == "signed":
        files[entry] = _signed(rng, json.loads(files[entry]), entry)
    elif way == "document":
        files[entry] = documents.written(rng, documents.damaged(rng, json.loads(files[entry]), _KNOWN))
    elif way == "drop":
        del files[name]
    elif way == "rename":
        files[f"{name}{rng.choice(('x', '.part', ' '))}"] = files.pop(name)
    elif way == "more":
        files[f"store/{rng.choice(('entries', 'blobs', 'leases', 'x'))}/{rng.choice(('n.txt', 'a/b', 'x.json'))}"] = (
            b"n"
        )
    elif way == "bytes":
        files[name] = odd.spoiled(rng, files[name])
    if way == "key" or rng.random() < 0.2:
        environment = rng.choice(
            (
                {**STORE, "ZIF_CACHE_TRUST": "writers", "ZIF_CACHE_KEY": ""},
                {**STORE, "ZIF_CACHE_KEY": ""},
                {**STORE, "ZIF_CACHE": odd.text(rng).replace("\0", "") + "://x"},
                {**STORE, "ZIF_CACHE": "file://{world}/work/keep.txt"},
                {**STORE, "ZIF_CACHE_KEY": "{world}/work/keep.txt"},
            )
        )
    files |= {"m.onnx": material.models["mlp"].SerializeToString()} | TEAM
    on_chip = ("m.onnx", "-t", CHIP, "--only", "qnn_htp")
    ways = (
        *(("run", *on_chip, "--random", "0", "--no-verify"),) * 3,
        ("cache", "ls", "--shared"),
        ("cache", "verify", "--shared"),
        ("cache", "clear", "--shared"),
        ("cache", "why", *on_chip),
        ("cache", "push"),
    )
    return Case(rng.choice(ways), files, environment, ("store",))


def _signed(rng: Random, document: Any, place: str) -> bytes:
    """An index with odd things in it, and the right signature: by a machine that has the key and another zif."""
    index = documents.damaged(rng, document["index"], _KNOWN)
    name, (key,) = place.rpartition("/")[2].removesuffix(".json"), TEAM.values()
    try:
        text = f"{SCHEMA}\0{canonical([name, index])}"
        made = {**document, "index": index, "signature": Trust(key).signature(text)}
        return json.dumps(made).encode()
    except (ValueError, TypeError, RecursionError):
        return documents.written(rng, index)
