"""What a user's own measurements say of a chip's prices: kept by chip and toolchain, read here for the next plan.

A row holds what the uncorrected prices said, group by group, so that more rows can be added without the models.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from zif.errors import InvalidInput
from zif.files.documents import read_json
from zif.files.records import record
from zif.files.user_data import data_folder

SCHEMA = "zif.corrections/1"


def _time(_: Any, __: Any, us: float) -> None:
    if not us > 0:
        raise ValueError("not above zero")


def _positive(_: Any, __: Any, factors: Mapping[str, Mapping[str, float]]) -> None:
    if not all(0 < factor < math.inf for by_group in factors.values() for factor in by_group.values()):
        raise ValueError("not above zero")


@frozen
class Measurement:
    """A model that somebody timed on the chip.

    us: microseconds of a run. precision: the arithmetic, "fp16", "int8" or "int16". priced: microseconds by group of
    counts as the fitted prices have it; fixed_us: transfers, which are not corrected. source: the file it came from.
    """

    model: str
    fingerprint: str
    precision: str
    us: float = field(validator=_time)
    priced: Mapping[str, float]
    fixed_us: float
    source: str
    date: str = ""


@frozen
class Correction:
    """What is known of one chip with one toolchain; "" for any.

    prices: which prices it corrects (`coefficients.Table.stamp`). factors: by precision and group of counts, what they
    are multiplied by.
    """

    target: str
    toolchain: str
    prices: str
    rows: tuple[Measurement, ...] = ()
    factors: Mapping[str, Mapping[str, float]] = field(factory=dict, validator=_positive)

    @property
    def told(self) -> str:
        """One sentence for a plan."""
        names = ", ".join(dict.fromkeys(row.model for row in self.rows))
        of = f" with {self.toolchain}" if self.toolchain else ""
        times = "measurement" if len(self.rows) == 1 else "measurements"
        return f"prices of {self.target}{of} are corrected by {len(self.rows)} {times} of your own: {names}"


@frozen
class _Document:
    schema: str
    correction: Any


def folder() -> Path:
    """Where corrections are kept; for a user without a home a place where nothing can be."""
    return (data_folder() or Path(os.devnull)) / "corrections"


def path_of(target: str, toolchain: str) -> Path:
    """The file of one chip and toolchain."""
    return folder() / (hashlib.sha256(f"{target}\0{toolchain}".encode()).hexdigest()[:32] + ".json")


def kept() -> list[Correction]:
    """Every correction that can be read, by chip and toolchain."""
    try:
        corrections = [correction for path in sorted(folder().glob("*.json")) if (correction := read(path)) is not None]
    except OSError:
        return []
    return sorted(corrections, key=lambda correction: (correction.target, correction.toolchain))


def read(path: Path) -> Correction | None:
    """One file; None where it cannot be read, as measuring again mends it."""
    try:
        document = record(_Document, read_json(path), str(path))
        return record(Correction, document.correction, str(path)) if document.schema == SCHEMA else None
    except InvalidInput:
        return None


def document_of(correction: Correction) -> dict[str, Any]:
    """As it is kept."""
    return {"schema": SCHEMA, "correction": asdict(correction)}


def find(every: Sequence[Correction], target: str, toolchain: str, prices: str) -> Correction | None:
    """The one that holds for a chip under a toolchain: that of a version it names, else that of any version."""
    fitting = [
        correction
        for correction in every
        if correction.target == target and correction.prices == prices and correction.toolchain in toolchain
    ]
    return max(fitting, key=lambda correction: len(correction.toolchain), default=None)
