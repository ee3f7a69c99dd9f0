"""What verifying found: of each segment how far it is from the judge, how far its precision has to be, and a word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from attrs import asdict, frozen

#: right: within what its precision must cost. coarse: further, but not by so much that it must be an error. wrong:
#: further than rounding every tensor explains. unholdable: the precision itself does not hold these values, which the
#: judge shows alone. unchecked: nothing could be compared, and `reason` says why.
Word = Literal["right", "coarse", "wrong", "unholdable", "unchecked"]

#: How many dB a segment may lie below its rounded run before it is coarse, and before it is wrong. Of 12 real models
#: measured on an emulator, right ones lay 0 to 15 dB below it and wrong ones 35 to 58.
COARSE_DB, WRONG_DB = 12.0, 20.0

#: No segment has to be better than this, in dB: what rounding its outputs alone to the precision costs, whatever the
#: rounded run says of values that happen to be exact in it (6.02 dB a bit of the mantissa, and 10.8 for uniform noise).
CEILING_DB: Mapping[str, float] = {"fp32": 110.0, "fp16": 72.0, "bf16": 54.0, "int16": 72.0, "int8": 48.0}

#: Below this many dB the rounded run itself is no answer any more: the precision does not hold the model.
LEAST_DB = 10.0


@frozen
class TensorCheck:
    """One output of a segment: dB of SQNR against the judge, of the segment and of the judge rounded.

    For integers, booleans and text both are None and `agreement` is the share of equal elements, `rounded_agreement`
    that of the rounded run.
    """

    name: str
    sqnr_db: float | None
    rounded_db: float | None
    agreement: float | None = None
    rounded_agreement: float | None = None

    def word(self, precision: str) -> Word:
        """What the figures say."""
        if self.sqnr_db is None or self.rounded_db is None:
            return self._of_agreement()
        ceiling = CEILING_DB.get(precision, math.inf)
        if self.sqnr_db >= ceiling - WRONG_DB:
            return "right"  # whatever the rounded run overflowed in: the backend has got through
        if self.rounded_db < LEAST_DB:
            return "unholdable"
        below = min(self.rounded_db, ceiling) - self.sqnr_db
        return "wrong" if below > WRONG_DB else "coarse" if below > COARSE_DB else "right"

    def _of_agreement(self) -> Word:
        if self.agreement is None or self.rounded_agreement is None:
            return "unchecked"
        differ, rounded = 1 - self.agreement, 1 - self.rounded_agreement
        return "wrong" if differ > 0.02 + 4 * rounded else "right"


def gravest(rows: Iterable[TensorCheck], precision: str) -> Word:
    """The worst word of several tensors; "unchecked" without any."""
    order: tuple[Word, ...] = ("wrong", "unholdable", "coarse", "right")
    words = {row.word(precision) for row in rows}
    return next((word for word in order if word in words), "unchecked")


def furthest(rows: Sequence[TensorCheck], precision: str) -> TensorCheck | None:
    """The tensor that lies furthest below its rounded run; one of integers when there is no other."""
    floats = [row for row in rows if row.sqnr_db is not None and row.rounded_db is not None]
    if floats:
        ceiling = CEILING_DB.get(precision, math.inf)
        return max(floats, key=lambda row: min(row.rounded_db or 0.0, ceiling) - (row.sqnr_db or 0.0))
    return min(rows, key=lambda row: row.agreement or 0.0, default=None)


@frozen
class SegmentCheck:
    """One segment: who ran it, in which precision, its outputs, and what they come to."""

    segment: int
    backend: str
    kind: str
    units: tuple[str, ...]
    precision: str
    tensors: tuple[TensorCheck, ...] = ()
    reason: str = ""

    @property
    def word(self) -> Word:
        """The worst word of its tensors."""
        return gravest(self.tensors, self.precision)

    @property
    def believed(self) -> bool:
        """Whether nothing speaks against its numbers."""
        return self.word not in ("wrong", "unholdable")

    @property
    def worst(self) -> TensorCheck | None:
        """The output that lies furthest below its rounded run; one of integers when there is no other."""
        return furthest(self.tensors, self.precision)


@frozen
class Verification:
    """A model on a target, held against a judge on so many samples. `inputs` says what they were."""

    model: str
    target: str
    samples: int
    inputs: str
    judge: tuple[str, ...]
    segments: tuple[SegmentCheck, ...]
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def wrong(self) -> tuple[SegmentCheck, ...]:
        """The segments that are not to be believed."""
        return tuple(segment for segment in self.segments if segment.word in ("wrong", "unholdable"))

    @property
    def verified(self) -> bool:
        """Whether every segment was held against the judge and is believed; what was not checked is not verified."""
        return bool(self.segments) and all(segment.word in ("right", "coarse") for segment in self.segments)

    def to_json(self) -> dict[str, Any]:
        """As `zif verify --json` prints it; a ratio that is infinite is null, with `exact` beside it."""
        return {
            "model": self.model,
            "target": self.target,
            "samples": self.samples,
            "inputs": self.inputs,
            "judge": list(self.judge),
            "versions": dict(self.versions),
            "verified": self.verified,
            "segments": [_segment(segment) for segment in self.segments],
            "notes": list(self.notes),
        }


def _segment(segment_check: SegmentCheck) -> dict[str, Any]:
    rows = [asdict(tensor) | {"word": tensor.word(segment_check.precision)} for tensor in segment_check.tensors]
    for row in rows:
        row["exact"] = row["sqnr_db"] == math.inf
        row |= {key: None for key in ("sqnr_db", "rounded_db") if row[key] is not None and math.isinf(row[key])}
    return {
        "id": segment_check.segment,
        "backend": segment_check.backend,
        "kind": segment_check.kind,
        "units": list(segment_check.units),
        "precision": segment_check.precision,
        "word": segment_check.word,
        "reason": segment_check.reason,
        "tensors": rows,
    }
