"""What was measured, kept per model, device and toolchain, so that the next plan can use it.

Only hardware counts: the time that an emulator takes says nothing of the chip.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from attrs import frozen

if TYPE_CHECKING:
    from zif.profiling.profile import Profile, SegmentProfile

SCHEMA = "zif.measured/1"


def folder() -> Path:
    """Where measurements are kept; the environment variable ZIF_DATA names another place."""
    return Path(os.environ.get("ZIF_DATA") or platformdirs.user_data_dir("zif")) / "measured"


def device() -> str:
    """This machine, as far as timing goes: processor and number of cores."""
    return f"{platform.machine()} {platform.processor() or platform.machine()} × {os.cpu_count()}"


def save(profile: Profile, keep: Path | None = None) -> Path | None:
    """Add a profile's hardware segments to what is kept of its model. Returns the file, None when nothing counts.

    A measurement of the same units on the same backend and toolchain replaces the older one. Raises OSError where it
    cannot be written; then nothing is left behind.
    """
    rows = [_row(segment) for segment in profile.segments if segment.kind == "hardware"]
    if not rows or profile.target != "host":
        return None
    path = _path(profile.fingerprint, keep)
    old = [row for row in _read(path) if not any(_same(row, new) for new in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"schema": SCHEMA, "model": profile.model, "device": device(), "segments": [*old, *rows]}
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


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
        row for row in _read(_path(fingerprint, keep)) if (row["backend"], row["toolchain"]) == (backend, toolchain)
    ]
    rows.sort(key=lambda row: -len(row["units"]))
    return [Measured(tuple(row["units"]), row["us"], row.get("parts", {})) for row in rows]


def _path(fingerprint: str, keep: Path | None) -> Path:
    name = hashlib.sha256(f"{fingerprint}\0{device()}".encode()).hexdigest()[:32]
    return (keep or folder()) / f"{name}.json"


def _row(segment: SegmentProfile) -> dict[str, Any]:
    return {
        "backend": segment.backend,
        "toolchain": segment.toolchain,
        "units": list(segment.units),
        "us": round(segment.ms.p50 * 1e3, 3),
        "parts": {name: round(us, 3) for name, us in segment.parts_us.items()},
    }


def _same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return all(a[key] == b[key] for key in ("backend", "toolchain", "units"))


def _read(path: Path) -> list[dict[str, Any]]:
    """The rows kept; what cannot be read counts as none, since measuring again mends it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return list(filter(_whole, document["segments"])) if document["schema"] == SCHEMA else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _whole(row: Any) -> bool:
    kinds: dict[str, Any] = {"backend": str, "toolchain": str, "units": list, "us": (int, float)}
    return isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in kinds.items())
