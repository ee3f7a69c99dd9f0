"""What was measured on this machine, kept per model, device and toolchain: read here, so that a plan can use it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from zif.files.own import data_folder

#: The schema of a file of measurements.
SCHEMA = "zif.measured/1"


def folder() -> Path:
    """Where measurements are kept; for a user without a home a place where nothing can be, so that nothing is kept."""
    return (data_folder() or Path(os.devnull)) / "measured"


def device() -> str:
    """This machine, as far as timing goes: processor and number of cores."""
    return f"{platform.machine()} {platform.processor() or platform.machine()} × {os.cpu_count()}"


@frozen
class Measured:
    """A segment that was measured: its units, its median microseconds, and each unit's part where that was timed."""

    units: tuple[str, ...]
    us: float
    parts: Mapping[str, float]


def measured(fingerprint: str, backend: str, toolchain: str, keep: Path | None = None) -> list[Measured]:
    """Every segment measured here of this model on this backend and toolchain.

    The largest segments come first, so that whoever applies them in order ends with the finest figure.
    """
    rows = [
        row
        for row in read_rows(path_of(fingerprint, keep))
        if (row["backend"], row["toolchain"]) == (backend, toolchain)
    ]
    rows.sort(key=lambda row: -len(row["units"]))
    return [Measured(tuple(row["units"]), row["us"], row.get("parts", {})) for row in rows]


def path_of(fingerprint: str, keep: Path | None) -> Path:
    """The file of one model on this machine, in the folder `keep` or the default one."""
    name = hashlib.sha256(f"{fingerprint}\0{device()}".encode()).hexdigest()[:32]
    return (keep or folder()) / f"{name}.json"


def same_segment(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two rows measured the same units on the same backend and toolchain."""
    return all(a[key] == b[key] for key in ("backend", "toolchain", "units"))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows kept; what cannot be read counts as none, since measuring again mends it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return list(filter(_whole, document["segments"])) if document["schema"] == SCHEMA else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _whole(row: Any) -> bool:
    kinds: dict[str, Any] = {"backend": str, "toolchain": str, "units": list, "us": (int, float)}
    return isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in kinds.items())
