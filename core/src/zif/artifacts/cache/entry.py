"""One artifact in the cache: a folder with an index, and the artifact's files in `files/`."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from zif.artifacts.cache.key import Key
from zif.artifacts.cache.names import DRAFT
from zif.artifacts.description import describe, restore
from zif.artifacts.hashed import Content, Damaged, check_size, mark_file, write_file
from zif.artifacts.sealing import canonical, plain, seal, unseal
from zif.artifacts.userkey import seal_of, sealed_by_user
from zif.files.documents import json_of
from zif.files.limits import TEXT
from zif.files.opening import open_inside, whole
from zif.files.paths import distinct
from zif.files.records import record
from zif.files.writing import drafted

if TYPE_CHECKING:
    from zif.records import Compiled

SCHEMA = "zif.artifact/2"
INDEX, FILES = "artifact.json", "files"
_FAMILY = "zif.artifact/"


@frozen
class _Index:
    """What an index holds beside the description of the artifact."""

    key: Key
    label: str
    format: str
    created: float
    files: Mapping[str, Content]
    outside: tuple[str, ...]


@frozen
class Entry:
    """One artifact in the cache. `label` is the segment's name; `created` and `used` are seconds since the epoch."""

    key: Key
    folder: Path
    label: str
    format: str
    bytes: int
    created: float
    used: float

    @property
    def name(self) -> str:
        """The key's hash."""
        return self.folder.name


def read_index(folder: Path) -> dict[str, Any]:
    """The index of an entry of this user's. Raises Damaged, UsageError without a key, FileNotFoundError without one."""
    index = unseal(_index(folder), INDEX, SCHEMA)
    if not sealed_by_user(SCHEMA, _sealed(folder.name, index), index.pop("seal", None)):
        raise Damaged("it does not carry this user's seal")
    return index


def is_entry(folder: Path) -> bool:
    """Whether the folder holds the artifact of the key that it is named after, of whatever version, damaged or not."""
    try:
        index = json_of(_index(folder), INDEX, Damaged)
        return str(index["schema"]).startswith(_FAMILY) and Key(**index["key"]).hash == folder.name
    except (OSError, Damaged, ValueError, KeyError, TypeError, AttributeError):
        return False


def _index(folder: Path) -> bytes:
    if not os.path.lexists(folder / INDEX):
        raise FileNotFoundError(folder / INDEX)
    with open_inside(folder, INDEX, Damaged) as file:
        return whole(file, INDEX, TEXT, Damaged)


def _sealed(name: str, index: Mapping[str, Any]) -> str:
    """What the seal is on: the whole index, which has the hash of every file, and the name that it is found under."""
    return canonical([name, {field: value for field, value in index.items() if field != "seal"}])


def entry_of(folder: Path, index: Mapping[str, Any]) -> Entry:
    """What the index says of the entry. Raises Damaged, OSError."""
    told = record(_Index, index, INDEX, Damaged)
    size, used = sum(file.bytes for file in told.files.values()), (folder / INDEX).stat().st_mtime
    return Entry(told.key, folder, told.label, told.format, size, told.created, used)


def read(folder: Path, index: Mapping[str, Any], outside: Mapping[str, Path], *, hashes: bool = True) -> Compiled:
    """The artifact in a folder, every file checked. outside: files of the model itself, which the cache does not copy.

    Files are handed on by their paths: nobody else can write to the cache. Raises Damaged when one is not what was
    written.
    """
    files: dict[str, bytes | Path] = dict(check(folder, index, hashes=hashes))
    for name in record(_Index, index, INDEX, Damaged).outside:
        if name not in outside:
            raise Damaged(f"the model has no file {name} any more")
        files[name] = outside[name]
    return restore(index, files)


def check(folder: Path, index: Mapping[str, Any], *, hashes: bool = True) -> dict[str, Path]:
    """Where the artifact's own files are. Raises Damaged when one is not what was written."""
    files = record(_Index, index, INDEX, Damaged).files
    for name, content in files.items():
        (mark_file if hashes else check_size)(folder / FILES, name, content)
    return {name: folder / FILES / name for name in files}


def contents(index: Mapping[str, Any]) -> Mapping[str, Content]:
    """The artifact's own files, as an index has them. Raises Damaged."""
    return record(_Index, index, INDEX, Damaged).files


def adopted(artifacts: Path, name: str, index: Mapping[str, Any], fill: Callable[[Path], object]) -> Path:
    """An entry that another machine made, under a temporary name and with this user's seal, whole or not at all.

    name: the hash of its key. fill: writes its files, which it hashes. Raises what `fill` does, and OSError.
    """
    with drafted(artifacts / f"{DRAFT}{secrets.token_hex(4)}", 0o700) as place:
        (place / FILES).mkdir()
        fill(place)
        (place / INDEX).write_bytes(seal({**index, "seal": seal_of(SCHEMA, _sealed(name, index))}))
    return place


def draft(artifacts: Path, key: Key, label: str, compiled: Compiled, outside: Mapping[str, Path]) -> Path:
    """Write an entry under a temporary name, whole or not at all. Raises OSError, Damaged for an impossible name."""
    with drafted(artifacts / f"{DRAFT}{secrets.token_hex(4)}", 0o700) as place:
        own = {name: content for name, content in compiled.files.items() if outside.get(name) != content}
        distinct(compiled.files, Damaged)
        (place / FILES).mkdir()
        files = {name: attrs.asdict(write_file(content, place / FILES, name)) for name, content in own.items()}
        head = {"schema": SCHEMA, "key": attrs.asdict(key), "label": label, "created": time.time()}
        outer = sorted(set(compiled.files) - set(own))
        index = plain({**head, **describe(compiled), "files": files, "outside": outer})
        (place / INDEX).write_bytes(seal({**index, "seal": seal_of(SCHEMA, _sealed(key.hash, index))}))
    return place
