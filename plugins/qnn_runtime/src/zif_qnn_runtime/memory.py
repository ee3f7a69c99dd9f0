"""What a compiler said before, kept by model, chip and toolchain: asking it again costs a start of its libraries."""

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
from attrs import frozen
from zif import Verdict

from zif_qnn_runtime.unitprobe import Probed

_FORMAT = 1
#: Answers that are kept for one backend; the oldest go.
LIMIT = 500


@frozen
class Memory:
    """The answers that one backend's compiler gave. distribution is the plugin's: another version of it asks anew."""

    backend: str
    distribution: str

    @property
    def folder(self) -> Path:
        """Where answers are kept."""
        return root() / self.backend / "verdicts"

    def key(self, digest: str, toolchain: str, chip: object) -> str:
        """The file name of an answer: everything that it depends on."""
        words = (_FORMAT, _version(self.distribution), digest, toolchain, repr(chip))
        return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()

    def recall(self, name: str) -> Probed | None:
        """A kept answer; None when there is none, or none that can be read."""
        try:
            document = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
            verdicts = {unit: Verdict(**fields) for unit, fields in document["verdicts"].items()}
            return Probed(verdicts, tuple(document["notes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, name: str, probed: Probed) -> None:
        """Keep an answer, whole or not at all. A folder that cannot be written to is no error: nothing is kept."""
        document = {"verdicts": {u: attrs.asdict(v) for u, v in probed.verdicts.items()}, "notes": probed.notes}
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(document, file)
                os.replace(temporary, self.folder / f"{name}.json")
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            _prune(self.folder)


def root() -> Path:
    """The folder of every backend's answers."""
    return platformdirs.user_cache_path("zif")


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - LIMIT)]:
        file.unlink(missing_ok=True)


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "source"
