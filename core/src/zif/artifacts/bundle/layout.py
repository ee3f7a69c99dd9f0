"""Which file of which artifact goes where in a bundle.

segments/00-reference.onnx          what runs as ONNX, external data beside it under its own name
context_binaries/01-npu-v2.bin      what a compiler made, one per target
dlc/01-npu-v2.dlc                   the same segment for other tools, when the backend gave it
source/01-npu-v2/…                  the same, whose files open each other by their names
buckets/0/manifest.json, …          a whole bundle for each of several sizes; beside them, the one of the real shape
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from attrs import define, field

from zif.artifacts.hashed import Damaged
from zif.files.paths import relative

if TYPE_CHECKING:
    from zif.records import Compiled

#: Files in a bundle beside the plans: what a session needs to know of the model, and outputs known without running.
SESSION, CONSTANTS = "session.json", "constants.npz"
SESSION_SCHEMA = "zif.session/1"

#: On what the numbers of a bundle were verified, and what was found: for readers, a session needs none of it.
VERIFICATION, VERIFICATION_SCHEMA = "verification.json", "zif.verification/1"

#: The sizes that a bundle is for, where they are several; each is a bundle in a folder of this name.
BUCKETS, BUCKETS_SCHEMA, BUCKET_FOLDER = "buckets.json", "zif.buckets/1", "buckets"
#: The folders of what only other tools read.
ASIDE = ("dlc", "source")
#: Whose files open each other by their names, which they therefore keep.
_NAMING = "source"

Identity = tuple[object, ...]


@define
class Layout:
    """The files of a bundle so far: content by relative path. What is the same in two artifacts is stored once."""

    files: dict[str, bytes | Path] = field(factory=dict)
    _taken: dict[str, tuple[str, Identity]] = field(factory=dict)

    def add(self, place: str, content: bytes | Path) -> None:
        """Put a file at a given place. Raises Damaged when something else is there."""
        if not self._fits(place, content):
            raise Damaged(f"two different files are to be {place!r}")
        self._take(place, content)

    def place(self, compiled: Compiled, stem: str, target: str) -> dict[str, str]:
        """Find room for an artifact's files: relative path by name."""
        for wish in (_wish(compiled, stem), _wish(compiled, f"{stem}-{target}"), _nested(compiled, f"{stem}-{target}")):
            if all(self._fits(place, compiled.files[name]) for name, place in wish.items()):
                for name, place in wish.items():
                    self._take(place, compiled.files[name])
                return wish
        raise Damaged(f"two artifacts are called {stem!r}")

    def _fits(self, place: str, content: bytes | Path) -> bool:
        """Whether it is free, or has the same content already. Windows and macOS do not tell A from a."""
        there = self._taken.get(relative(place, Damaged).casefold())
        return there is None or there == (place, _identity(content))

    def _take(self, place: str, content: bytes | Path) -> None:
        self.files[place] = content
        self._taken[place.casefold()] = (place, _identity(content))


def _identity(content: bytes | Path) -> Identity:
    if isinstance(content, bytes):
        return (hashlib.sha256(content).digest(),)
    status = content.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _wish(compiled: Compiled, stem: str) -> dict[str, str]:
    """The names that a reader expects."""
    if compiled.format == "onnx":
        return {
            name: f"segments/{stem}.onnx" if name == compiled.main else f"segments/{name}" for name in compiled.files
        }
    wish: dict[str, str] = {}
    for folder in ("context_binaries", *ASIDE):
        wish |= _flat(folder, stem, [name for name in compiled.files if _folder(name) == folder])
    return wish


def _flat(folder: str, stem: str, names: list[str]) -> dict[str, str]:
    """Called like the artifact where their endings tell them apart, else in a folder that is."""
    inner = {name: name.removeprefix(f"{folder}/") for name in names}
    if folder == _NAMING:
        return {name: f"{folder}/{stem}/{rest}" for name, rest in inner.items()}
    endings = Counter(PurePosixPath(name).suffix for name in names)
    if all("/" not in name for name in inner.values()) and all(count == 1 for count in endings.values()):
        return {name: f"{folder}/{stem}{PurePosixPath(name).suffix}" for name in names}
    return {name: f"{folder}/{stem}/{rest}" for name, rest in inner.items()}


def _nested(compiled: Compiled, stem: str) -> dict[str, str]:
    top = "segments" if compiled.format == "onnx" else "artifacts"
    return {name: f"{top}/{stem}/{name}" for name in compiled.files}


def _folder(name: str) -> str:
    first, _, rest = name.partition("/")
    return first if rest and first in ASIDE else "context_binaries"


def stem(number: int, label: str) -> str:
    """The name that an artifact's files share: "01-npu-v2"."""
    return f"{number:02d}-{''.join(c if c.isalnum() or c in '-_.' else '-' for c in label)}"
