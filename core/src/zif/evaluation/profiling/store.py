"""Keeping what was measured, so that the next plan can use it (`zif.planning.costs.measured` reads it).

Only hardware counts: the time that an emulator takes says nothing of the chip.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from zif.files.writing import write_whole
from zif.planning.costs.measured import SCHEMA, device, path_of, read_rows, same_segment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from zif.evaluation.profiling.profile import Profile, SegmentProfile
    from zif.model import Model


def save(profile: Profile, keep: Path | None = None) -> Path | None:
    """Add a profile's hardware segments to what is kept of its model. Returns the file, None when nothing counts.

    A measurement of the same units on the same backend and toolchain replaces the older one. Raises OSError where it
    cannot be written; then nothing is left behind.
    """
    rows = [_row(segment) for segment in profile.segments if segment.kind == "hardware"]
    if not rows or profile.target != "host":
        return None
    path = path_of(profile.fingerprint, keep)
    old = [row for row in read_rows(path) if not any(same_segment(row, new) for new in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"schema": SCHEMA, "model": profile.model, "device": device(), "segments": [*old, *rows]}
    write_whole(path, json.dumps(document, indent=1), durable=True)
    return path


def keep_times(
    model: Model,
    chip: str,
    backend: str,
    us: float,
    by_unit: Mapping[str, float],
    keep: Path | None = None,
) -> Path:
    """Keep what a model's units took on a chip elsewhere, for plans for that chip.

    us: microseconds of all of `parts` together, those of each unit by its id. An older measurement of the same
    units on the same backend is replaced. Raises OSError where it cannot be written.
    """
    rows = [{"backend": backend, "toolchain": "", "units": list(by_unit), "us": round(us, 3), "parts": dict(by_unit)}]
    path = path_of(model.fingerprint, keep, chip)
    old = [row for row in read_rows(path) if not any(same_segment(row, new) for new in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"schema": SCHEMA, "model": model.name, "device": chip, "segments": [*old, *rows]}
    write_whole(path, json.dumps(document, indent=1), durable=True)
    return path


def _row(segment: SegmentProfile) -> dict[str, Any]:
    return {
        "backend": segment.backend,
        "toolchain": segment.toolchain,
        "units": list(segment.units),
        "us": round(segment.ms.p50 * 1e3, 3),
        "parts": {name: round(us, 3) for name, us in segment.parts_us.items()},
    }
