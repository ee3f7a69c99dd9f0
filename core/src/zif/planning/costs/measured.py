"""What was measured on this machine, kept per model, device and toolchain: read here, so that a plan can use it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen, validators

from zif.errors import InvalidInput
from zif.files.documents import read_json
from zif.files.records import record
from zif.files.user_data import data_folder

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


def measured(
    fingerprint: str, backend: str, toolchain: str, keep: Path | None = None, chip: str = ""
) -> list[Measured]:
    """Every segment measured of this model on this backend and toolchain: on this machine, or on a chip elsewhere.

    What was measured elsewhere, by a toolchain of its own, stands under none and counts for any. The largest segments
    come first, so that whoever applies them in order ends with the finest figure.
    """
    rows = [
        row
        for row in read_rows(path_of(fingerprint, keep, chip))
        if row["backend"] == backend and row["toolchain"] == ("" if chip else toolchain)
    ]
    rows.sort(key=lambda row: -len(row["units"]))
    return [Measured(tuple(row["units"]), row["us"], row.get("parts", {})) for row in rows]


def path_of(fingerprint: str, keep: Path | None, chip: str = "") -> Path:
    """The file of one model on this machine, or on a chip elsewhere, in the folder `keep` or the default one."""
    where = f"chip {chip}" if chip else device()
    name = hashlib.sha256(f"{fingerprint}\0{where}".encode()).hexdigest()[:32]
    return (keep or folder()) / f"{name}.json"


def same_segment(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two rows measured the same units on the same backend and toolchain."""
    return all(a[key] == b[key] for key in ("backend", "toolchain", "units"))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows kept; what cannot be read counts as none, since measuring again mends it."""
    try:
        document = read_json(path)
        rows: list[dict[str, Any]] = record(_Document, document, str(path)).segments
        return list(filter(_whole, rows)) if document["schema"] == SCHEMA else []
    except InvalidInput:
        return []


@frozen
class _Document:
    schema: str
    segments: list[Any]


def _time(_: Any, __: Any, us: float) -> None:
    if us < 0:
        raise ValueError("a time below nothing")


_times = validators.deep_mapping(validators.instance_of(str), _time)


@frozen
class _Row:
    """A row as it is kept."""

    backend: str
    toolchain: str
    units: tuple[str, ...]
    us: float = field(validator=_time)
    parts: Mapping[str, float] = field(factory=dict, validator=_times)


def _whole(row: Any) -> bool:
    try:
        record(_Row, row, "")
    except InvalidInput:
        return False
    return True
