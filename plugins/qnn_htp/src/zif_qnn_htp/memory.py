"""What the compiler said before, kept by model, chip and toolchain: asking it again costs a start of its libraries."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from importlib import metadata
from pathlib import Path

import attrs
import platformdirs
from zif import Verdict

from zif_qnn_htp.verdicts import Probed

_FORMAT = 1
#: Answers that are kept; the oldest go.
LIMIT = 500


def folder() -> Path:
    """Where answers are kept."""
    return platformdirs.user_cache_path("zif") / "qnn_htp" / "verdicts"


def key(digest: str, toolchain: str, chip: object) -> str:
    """The file name of an answer: everything that it depends on."""
    words = (_FORMAT, _version(), digest, toolchain, repr(chip))
    return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()


def recall(name: str) -> Probed | None:
    """A kept answer; None when there is none, or none that can be read."""
    try:
        document = json.loads((folder() / f"{name}.json").read_text(encoding="utf-8"))
        verdicts = {unit: Verdict(**fields) for unit, fields in document["verdicts"].items()}
        return Probed(verdicts, tuple(document["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(name: str, probed: Probed) -> None:
    """Keep an answer, whole or not at all. A folder that cannot be written to is no error: the answer is not kept."""
    document = {"verdicts": {u: attrs.asdict(v) for u, v in probed.verdicts.items()}, "notes": probed.notes}
    with contextlib.suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder(), suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file)
            os.replace(temporary, folder() / f"{name}.json")
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _prune()


def _prune() -> None:
    files = sorted(folder().glob("*.json"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - LIMIT)]:
        file.unlink(missing_ok=True)


def _version() -> str:
    try:
        return metadata.version("zif-qnn-htp")
    except metadata.PackageNotFoundError:
        return "source"
