"""An artifact on disk: files with their hashes, and a sealed JSON document beside them. Reading it runs no code."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from zif.records import Certificate, Compiled, TensorInfo

_CHUNK = 1 << 20
_UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*\\]')


class Damaged(Exception):
    """What is on disk is not what was written; the message says which file and how."""


@frozen
class Content:
    """The hash (sha256 in hex) and the size of a file."""

    sha256: str
    bytes: int


def check_name(name: str) -> str:
    """A relative name of a file, with "/" between its parts. Raises Damaged for one that could leave its folder."""
    parts = name.split("/")
    bad = any(part in ("", ".", "..") or part.endswith((" ", ".")) for part in parts)
    if bad or _UNSAFE.search(name) or len(name) > 1000:
        raise Damaged(f"{name!r} is no plain relative file name")
    return name


def write_file(content: bytes | Path, place: Path, *, sync: bool = False) -> Content:
    """Copy bytes or an existing file to `place`, hashed on the way. Raises OSError; `sync` waits for the disk."""
    total, size = hashlib.sha256(), 0
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        for chunk in _chunks(content):
            total.update(chunk)
            file.write(chunk)
            size += len(chunk)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    return Content(total.hexdigest(), size)


def check_file(place: Path, content: Content) -> None:
    """Raise Damaged when a file is not what was written, OSError when it cannot be read."""
    check_size(place, content)
    total = hashlib.sha256()
    for chunk in _chunks(place):
        total.update(chunk)
    if total.hexdigest() != content.sha256:
        raise Damaged(f"{place.name} was changed: its sha256 is not the one that was written down")


def check_size(place: Path, content: Content) -> None:
    """Raise Damaged when a file is missing, is no plain file or has another size; reads none of it."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        raise Damaged(f"{place.name} is missing") from None
    if not stat.S_ISREG(found.st_mode):
        raise Damaged(f"{place.name} is no plain file")
    if found.st_size != content.bytes:
        raise Damaged(f"{place.name} has {found.st_size} bytes instead of {content.bytes}")


def describe(compiled: Compiled) -> dict[str, Any]:
    """Everything of an artifact but its files, as JSON."""
    return {
        "format": compiled.format,
        "main": compiled.main,
        "inputs": [attrs.asdict(info) for info in compiled.inputs],
        "outputs": [attrs.asdict(info) for info in compiled.outputs],
        "notes": list(compiled.notes),
        "certificate": attrs.asdict(compiled.certificate) if compiled.certificate else None,
    }


def restore(data: Mapping[str, Any], files: Mapping[str, bytes | Path]) -> Compiled:
    """The artifact that `describe` described, with these files. Raises Damaged."""
    try:
        return Compiled(
            format=str(data["format"]),
            files=dict(files),
            main=str(data["main"]),
            inputs=tuple(_tensor(item) for item in data["inputs"]),
            outputs=tuple(_tensor(item) for item in data["outputs"]),
            notes=tuple(map(str, data["notes"])),
            certificate=Certificate(**data["certificate"]) if data["certificate"] else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"an artifact's description is incomplete: {error}") from error


def seal(data: Mapping[str, Any]) -> bytes:
    """JSON with a hash of itself as its last entry, so that any change of it is noticed."""
    made = plain(data)
    return json.dumps({**made, "sha256": _digest(made)}, indent=1).encode() + b"\n"


def unseal(text: bytes, what: str, schema: str) -> dict[str, Any]:
    """The data that was sealed. Raises Damaged when it is not whole, is of another schema or was changed."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{what} is not JSON: {error}") from error
    if not isinstance(data, dict) or "schema" not in data:
        raise Damaged(f"{what} has no schema")
    if data["schema"] != schema:
        raise Damaged(f"{what} has the schema {data['schema']!r}, and this zif reads {schema!r}")
    if data.pop("sha256", None) != _digest(data):
        raise Damaged(f"{what} was changed: its sha256 is not the one that was written down")
    return data


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as it comes back from a file: tuples as lists, what JSON lacks as `canonical` has it."""
    made: dict[str, Any] = json.loads(json.dumps(data, default=_jsonable))
    return made


def canonical(data: Any) -> str:
    """JSON that is equal for equal data; what JSON lacks becomes a list (sets, sorted) or text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=_jsonable)


def _jsonable(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else str(value)


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def _tensor(data: Mapping[str, Any]) -> TensorInfo:
    shape = data["shape"]
    return TensorInfo(data["name"], data["type"], None if shape is None else tuple(shape))


def _chunks(content: bytes | Path) -> Iterator[bytes | memoryview]:
    if isinstance(content, Path):
        with content.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        return
    view = memoryview(content)
    for start in range(0, len(view), _CHUNK):
        yield view[start : start + _CHUNK]
