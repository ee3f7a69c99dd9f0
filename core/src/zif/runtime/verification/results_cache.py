"""What was verified once is not verified again: results kept in the cache, by everything that they depend on.

That is the model with its weights, who runs which units with which engine and options on which chip, the judge, the
samples, and this version of zif. What proved wrong is not kept here: its units leave (see `zif.verdicts.learned`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import evolve, frozen

from zif.artifacts.cache import ground
from zif.artifacts.cache.key import key_of
from zif.artifacts.cache.names import VERIFIED
from zif.artifacts.hashed import Damaged
from zif.artifacts.sealing import canonical, seal, unseal
from zif.artifacts.userkey import seal_of, sealed_by_user
from zif.backends.registry import core_version
from zif.errors import UsageError
from zif.files.writing import write_whole
from zif.runtime.verification.record import SegmentCheck, TensorCheck, Verification

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.runtime.build import Builder
    from zif.runtime.verification.bench import Bench, Sample

_SCHEMA = "zif.verified/1"


@frozen
class Kept:
    """Where something that was found is or will be kept, under the seal of this user's key. data: JSON, of a schema."""

    root: Path
    name: str
    schema: str

    def read(self) -> dict[str, Any] | None:
        """What was kept; None where nothing is that can be believed."""
        from zif.files.limits import TEXT
        from zif.files.opening import missing, read_bytes

        path = self.root / VERIFIED / f"{self.name}.json"
        try:
            if missing(path) or not ground.is_ours(self.root):
                return None
            data = unseal(read_bytes(path, TEXT, Damaged), path.name, self.schema)
            return data if sealed_by_user(self.schema, self._sealed(data), data.get("seal")) else None
        except (Damaged, UsageError, OSError):
            return None

    def keep(self, content: Mapping[str, Any]) -> None:
        """Keep it. Where nothing can be kept, it is found anew next time."""
        data = {"schema": self.schema, **content}
        folder = self.root / VERIFIED
        try:
            ground.claim(self.root)
            folder.mkdir(exist_ok=True, mode=0o700)
            whole = seal({**data, "seal": seal_of(self.schema, self._sealed(data))})
            write_whole(folder / f"{self.name}.json", whole)
        except (UsageError, OSError):
            return

    def _sealed(self, data: Mapping[str, Any]) -> str:
        return canonical([self.name, {field: value for field, value in data.items() if field != "seal"}])


@frozen
class Place:
    """Where the result of one plan, held against one judge on some samples, is or will be kept."""

    kept: Kept

    @classmethod
    def of(cls, builder: Builder, bench: Bench, plan: Plan) -> Place | None:
        """None where the caller keeps nothing. Reads the model's weights and the samples."""
        if builder.cache is None:
            return None
        depends = [_SCHEMA, core_version(), builder.planner.model.digest, _segments(builder, plan)]
        told = canonical([*depends, bench.judge.versions, "made" if bench.made else digest_of(bench.samples)])
        return cls(Kept(builder.cache.root, hashlib.sha256(told.encode()).hexdigest(), _SCHEMA))

    def read(self) -> Verification | None:
        """What was found then, with a note of the day; None where nothing is kept that can be believed."""
        data = self.kept.read()
        return None if data is None else _restored(data)

    def keep(self, verification: Verification) -> None:
        """Keep a result in which nothing is wrong."""
        from datetime import date

        self.kept.keep({"day": date.today().isoformat(), **_described(verification)})


def _segments(builder: Builder, plan: Plan) -> list[Any]:
    """Who runs what: every part of an artifact's key but its content, which is the model's."""
    rows, planner = [], builder.planner
    for segment in plan.segments:
        known = planner.participants.by_name[segment.backend]
        options = builder.options(segment.backend)
        key = key_of(known.backend, planner.model, planner.target, options, known.capabilities.toolchain)
        rows.append([attrs.asdict(key), segment.kind, list(segment.units)])
    return rows


def digest_of(samples: Sequence[Sample]) -> str:
    """A digest of samples, which are read for it."""
    import numpy as np

    total = hashlib.sha256()
    for number in range(len(samples)):  # a sequence need not be iterable
        sample = samples[number]
        for name, value in sorted((sample() if callable(sample) else sample).items()):
            array = np.asarray(value)
            content = array.tobytes() if array.dtype.kind != "O" else repr(array.tolist()).encode()
            total.update(f"{name}\0{array.dtype}\0{array.shape}\0".encode() + content)
    return total.hexdigest()


def _described(verification: Verification) -> dict[str, Any]:
    """As JSON, figures as text: it has no infinity."""
    data = attrs.asdict(verification)
    for segment in data["segments"]:
        for tensor in segment["tensors"]:
            tensor |= {name: repr(value) for name, value in tensor.items() if isinstance(value, float)}
    return data


def _restored(data: Mapping[str, Any]) -> Verification:
    """What `_described` described, which our own seal was on."""
    segments = tuple(
        SegmentCheck(**{**row, "units": tuple(row["units"]), "tensors": tuple(map(_tensor, row["tensors"]))})
        for row in data["segments"]
    )
    fields: dict[str, Any] = {field.name: data[field.name] for field in attrs.fields(Verification)}
    note = f"verified on {data['day']}, and nothing has changed since"
    made = Verification(**{**fields, "segments": segments, "judge": tuple(data["judge"]), "notes": ()})
    return evolve(made, notes=(*data["notes"], note))


def _tensor(row: Mapping[str, Any]) -> TensorCheck:
    figures = {name: value if value is None else float(value) for name, value in row.items() if name != "name"}
    return TensorCheck(row["name"], **figures)


__all__ = ["Kept", "Place", "digest_of"]
