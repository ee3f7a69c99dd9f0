"""The row of a cell: what came of one model on one target in one precision in one stage. Flat, for tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import evolve, frozen

SCHEMA = "zif.sweep-row/1"

State = Literal["ok", "failed", "skipped"]

#: What differs between two runs of the same cell, and is no result.
VOLATILE = ("seconds", "attempts", "worker", "when", "seen_us", "measured_us")


@frozen
class Part:
    """A segment of the plan: where it runs, how many units, the time it should take in µs, its commonest operators."""

    backend: str
    label: str
    units: int
    latency_us: float
    operators: str


@frozen
class Refusal:
    """What keeps units off an accelerator: whose word, its code and sentence, and how many units."""

    backend: str
    code: str
    reason: str
    units: int


@frozen
class Row:
    """One cell, done. What a stage does not say is None, or empty.

    key: sha256 of all that the cell depends on. digest: of the model. state: "skipped" where a stage has nothing to do
    here, such as measuring without hardware; reason: why, also of what failed; error: its class. made: how the
    precision was had. attempts: 2 where it was tried once more, in a process of its own. when: its end, UTC.

    latency_us, energy_uj, transfer_bytes, units, segments: of the plan. coverage: the share of its multiply-accumulates
    (of its units, where it has none) that an accelerator does. bytes: of the bundle's artifacts. word, sqnr_db: what
    verifying found, and the least ratio of an output in dB. accuracy: what the user's function gave. measured_us: the
    median of runs on hardware. seen_us: that of runs on an emulator, which is no figure of the chip.
    """

    key: str
    model: str
    digest: str
    target: str
    precision: str
    stage: str
    state: State
    reason: str = ""
    error: str = ""
    made: str = ""
    seconds: float = 0.0
    attempts: int = 1
    worker: str = ""
    when: str = ""
    latency_us: float | None = None
    energy_uj: float | None = None
    transfer_bytes: int | None = None
    units: int | None = None
    segments: int | None = None
    coverage: float | None = None
    bytes: int | None = None
    word: str = ""
    sqnr_db: float | None = None
    accuracy: float | None = None
    measured_us: float | None = None
    seen_us: float | None = None
    emulated: bool | None = None
    backends: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Model, target, precision and stage: what a newer row replaces."""
        return self.model, self.target, self.precision, self.stage

    def to_json(self) -> dict[str, Any]:
        """The row as a document, schema `zif.sweep-row/1`."""
        return {"schema": SCHEMA, **attrs.asdict(self)}

    def settled(self) -> Row:
        """The row without what differs from run to run: two sweeps of the same cells have the same."""
        cleared: Mapping[str, Any] = {
            field.name: field.default for field in attrs.fields(Row) if field.name in VOLATILE
        }
        return evolve(self, **cleared)
