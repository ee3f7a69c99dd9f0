"""One artifact in the cache: a folder with an index, and the artifact's files in `files/`."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from zif.runtime.artifact import (
    Content,
    Damaged,
    check_file,
    check_name,
    check_size,
    describe,
    restore,
    seal,
    unseal,
    write_file,
)
from zif.runtime.cache.key import Key

if TYPE_CHECKING:
    from zif.records import Compiled

SCHEMA = "zif.artifact/1"
INDEX = "artifact.json"


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
    """The index of an entry. Raises Damaged, or OSError when there is none."""
    return unseal((folder / INDEX).read_bytes(), INDEX, SCHEMA)


def entry_of(folder: Path, index: Mapping[str, Any]) -> Entry:
    """What the index says of the entry. Raises Damaged, OSError."""
    try:
        size = sum(file["bytes"] for file in index["files"].values())
        used = (folder / INDEX).stat().st_mtime
        return Entry(Key(**index["key"]), folder, index["label"], index["format"], size, index["created"], used)
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{INDEX} is incomplete: {error}") from error


def read(folder: Path, index: Mapping[str, Any], outside: Mapping[str, Path], *, hashes: bool = True) -> Compiled:
    """The artifact in a folder, every file checked. outside: files of the model itself, which the cache does not copy.

    Raises Damaged when a file is not what was written, OSError when it cannot be read.
    """
    files: dict[str, bytes | Path] = dict(check(folder, index, hashes=hashes))
    for name in index["outside"]:
        if name not in outside:
            raise Damaged(f"the model has no file {name} any more")
        files[name] = outside[name]
    return restore(index, files)


def check(folder: Path, index: Mapping[str, Any], *, hashes: bool = True) -> dict[str, Path]:
    """Where the artifact's own files are. Raises Damaged when one is not what was written."""
    places = {name: folder / "files" / check_name(name) for name in index["files"]}
    for name, place in places.items():
        (check_file if hashes else check_size)(place, Content(**index["files"][name]))
    return places


def draft(artifacts: Path, key: Key, label: str, compiled: Compiled, outside: Mapping[str, Path]) -> Path:
    """Write an entry under a temporary name, whole or not at all. Raises OSError, Damaged for an impossible name."""
    place = Path(tempfile.mkdtemp(prefix=".draft-", dir=artifacts))
    try:
        own = {name: content for name, content in compiled.files.items() if outside.get(name) != content}
        files = {n: attrs.asdict(write_file(content, place / "files" / check_name(n))) for n, content in own.items()}
        head = {"schema": SCHEMA, "key": attrs.asdict(key), "label": label, "created": time.time()}
        outer = sorted(set(compiled.files) - set(own))
        (place / INDEX).write_bytes(seal({**head, **describe(compiled), "files": files, "outside": outer}))
    except BaseException:  # Ctrl-C too
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place
