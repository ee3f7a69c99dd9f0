"""What the compiler said before, kept by model, chip and toolkit: asking it again costs a build."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs
from zif import Verdict, ZifError
from zif.plugin import Said, cache_folder, content_of, parse_json, write_whole

from zif_rockchip.probing import Probed

_FORMAT = 1
#: Answers that are kept; the oldest go, and nothing that is called otherwise.
LIMIT = 500
_NAME = re.compile(r"[0-9a-f]{64}\.json")


def key(digest: str, toolchain: str, chip: object) -> str:
    """The file name of an answer: everything that it depends on."""
    words = (_FORMAT, _code(), digest, toolchain, repr(chip))
    return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()


def recall(name: str) -> Probed | None:
    """A kept answer; None when there is none, or none that can be read."""
    folder = _folder()
    if folder is None:
        return None
    try:
        document: Any = parse_json(content_of(folder / f"{name}.json"), name)
        verdicts = {unit: _verdict(fields) for unit, fields in document["verdicts"].items()}
        return Probed(verdicts, tuple(document["notes"]))
    except (OSError, ZifError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(name: str, probed: Probed) -> None:
    """Keep an answer, whole or not at all. A folder that cannot be written to is no error: nothing is kept."""
    folder = _folder()
    if folder is None:
        return
    document = {"verdicts": {u: attrs.asdict(v) for u, v in probed.verdicts.items()}, "notes": probed.notes}
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{name}.json", json.dumps(document))
        _prune(folder)


def _folder() -> Path | None:
    place = cache_folder()
    return place / "rknn" / "verdicts" if place else None


def _verdict(fields: Any) -> Verdict:
    return Verdict(**{**fields, "overruled": tuple(Said(**verdict) for verdict in fields.get("overruled", ()))})


def _prune(folder: Path) -> None:
    files = [file for file in folder.glob("*.json") if _NAME.fullmatch(file.name)]
    for file in sorted(files, key=lambda file: file.stat().st_mtime)[: max(0, len(files) - LIMIT)]:
        file.unlink(missing_ok=True)


@functools.cache
def _code() -> str:
    """Version, sizes and times of this package's own files: in a source tree they change without a new version."""
    stats = ((path.name, path.stat()) for path in sorted(Path(__file__).parent.glob("*.py")))
    files = ",".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)
    try:
        return f"{metadata.version('zif-rockchip')} {files}"
    except metadata.PackageNotFoundError:
        return files
