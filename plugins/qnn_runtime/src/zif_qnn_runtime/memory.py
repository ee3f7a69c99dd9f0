"""What a compiler said before, kept by model, chip and toolchain: asking it again costs a start of its libraries."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen
from zif import Verdict
from zif.plugin import Said, cache_folder

from zif_qnn_runtime import cache_files
from zif_qnn_runtime.unitprobe import Probed

_FORMAT = 1
#: Answers that are kept for one backend; the oldest go, and nothing that is called otherwise.
LIMIT = 500
_NAME = re.compile(r"[0-9a-f]{64}\.json")


@frozen
class Memory:
    """The answers that one backend's compiler gave. distribution is the plugin's: another version of it asks anew."""

    backend: str
    distribution: str

    @property
    def folder(self) -> Path | None:
        """Where answers are kept: in zif's cache, unless that is switched off."""
        place = root()
        return place / self.backend / "verdicts" if place else None

    def key(self, digest: str, toolchain: str, chip: object) -> str:
        """The file name of an answer: everything that it depends on."""
        code = _code(self.distribution), _code("zif-qnn-runtime")
        words = (_FORMAT, _version(self.distribution), code, digest, toolchain, repr(chip))
        return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()

    def recall(self, name: str) -> Probed | None:
        """A kept answer; None when there is none, or none that can be read."""
        document: Any = cache_files.read(self.folder / f"{name}.json") if self.folder else None
        try:
            verdicts = {unit: _verdict(fields) for unit, fields in document["verdicts"].items()}
            return Probed(verdicts, tuple(document["notes"]))
        except (ValueError, KeyError, TypeError):
            return None

    def keep(self, name: str, probed: Probed) -> None:
        """Keep an answer, whole or not at all. A folder that cannot be written to is no error: nothing is kept."""
        folder = self.folder
        if folder is None:
            return
        document = {"verdicts": {u: attrs.asdict(v) for u, v in probed.verdicts.items()}, "notes": probed.notes}
        cache_files.write(folder / f"{name}.json", document)
        with contextlib.suppress(OSError):
            _prune(folder)


def _verdict(fields: Any) -> Verdict:
    return Verdict(**{**fields, "overruled": tuple(Said(**verdict) for verdict in fields.get("overruled", ()))})


def root() -> Path | None:
    """The folder of every backend's answers."""
    return cache_folder()


def _prune(folder: Path) -> None:
    ours = (file for file in folder.glob("*.json") if _NAME.fullmatch(file.name))
    files = sorted(ours, key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - LIMIT)]:
        file.unlink(missing_ok=True)


@functools.cache
def _code(distribution: str) -> str:
    """Sizes and times of a distribution's own files: in a source tree they change without a new version."""
    spec = importlib.util.find_spec(distribution.replace("-", "_"))
    files = [path for place in (spec and spec.submodule_search_locations) or () for path in Path(place).glob("*.*")]
    stats = ((path.name, path.stat()) for path in sorted(files))
    return ",".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "source"
