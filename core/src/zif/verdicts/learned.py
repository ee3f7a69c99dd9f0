"""What this user's zif found wrong by running it, kept by model: the next plan knows without running.

A lesson is of one unit of one model (whatever its weights), on one backend with one version of its engine, for one
target. Another version is asked anew. Lessons lie in the user's own folder and are the user's to forget.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from zif.errors import InvalidInput
from zif.files.documents import read_json
from zif.files.opening import missing
from zif.files.records import record
from zif.files.user_data import data_folder
from zif.files.wording import json_text
from zif.files.writing import write_whole
from zif.records import Verdict

if TYPE_CHECKING:
    from zif.model import Model

SCHEMA = "zif.learned/1"
_CODE = "verified-wrong"
_heard: ContextVar[bool] = ContextVar("lessons are heard", default=True)


@frozen
class Lesson:
    """A unit that was run on a backend's own arithmetic and was not what a judge computed.

    window: the units in whose company it is wrong, itself last. facts: what `zif.observe` tables say of units, in the
    same words. day: when it was found, as 2026-12-01.
    """

    backend: str
    toolchain: str
    target: str
    fingerprint: str
    model: str
    unit: str
    op_type: str
    domain: str
    reason: str
    window: tuple[str, ...]
    facts: tuple[str, ...]
    day: str

    @property
    def place(self) -> tuple[str, ...]:
        """What a newer lesson replaces: the same unit in the same company, there."""
        return self.backend, self.toolchain, self.target, self.fingerprint, self.unit, *self.window


def folder() -> Path | None:
    """Where lessons are kept; None for a user without a place for them."""
    place = data_folder()
    return place and place / "learned"


def words(model: Model, backend: str, toolchain: str, target: str) -> dict[str, Verdict]:
    """The refusals that were learned of a model's units on a backend, by unit id. What cannot be read is unknown."""
    if not _heard.get():
        return {}
    known = {unit.id for unit in model.units}
    rows = _read(_path(model.fingerprint))
    here = (row for row in rows if (row.backend, row.toolchain, row.target) == (backend, toolchain, target))
    return {row.unit: _verdict(row) for row in here if row.unit in known}


@contextmanager
def unheard() -> Iterator[None]:
    """What is planned in this context is planned as if nothing had been learned."""
    token = _heard.set(False)
    try:
        yield
    finally:
        _heard.reset(token)


def remember(lessons: Sequence[Lesson]) -> None:
    """Keep lessons, each in the place of an older one of the same. Raises OSError where nothing can be kept."""
    by_model: dict[str, list[Lesson]] = {}
    for lesson in lessons:
        by_model.setdefault(lesson.fingerprint, []).append(lesson)
    for fingerprint, rows in by_model.items():
        path = _path(fingerprint)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, {row.place: row for row in (*_read(path), *rows)}.values())


def lessons(model: Model | None = None) -> list[Lesson]:
    """Everything that was learned, of one model or of all, the oldest first."""
    place = folder()
    if model is not None:
        return _read(_path(model.fingerprint))
    files = sorted(place.glob("*.json")) if place is not None else []
    return sorted((row for file in files for row in _read(file)), key=lambda row: (row.day, row.model, row.unit))


def forget(model: Model | None = None) -> int:
    """Forget what was learned, of one model or of all: how many lessons there were. Raises OSError."""
    rows = lessons(model)
    for path in {_path(row.fingerprint) for row in rows}:
        if path is not None:
            path.unlink(missing_ok=True)
    return len(rows)


def document(rows: Iterable[Lesson]) -> dict[str, Any]:
    """Lessons as JSON."""
    return {"schema": SCHEMA, "lessons": [attrs.asdict(row) for row in rows]}


def _verdict(row: Lesson) -> Verdict:
    return Verdict(False, "verified", _CODE, f"{row.reason}; found on {row.day} (`zif verdicts --forget` asks again)")


def _path(fingerprint: str) -> Path | None:
    place = folder()
    return place and place / f"{hashlib.sha256(fingerprint.encode()).hexdigest()[:32]}.json"


def _write(path: Path, rows: Iterable[Lesson]) -> None:
    write_whole(path, json_text(document(rows), indent=1) + "\n", durable=True)


@frozen
class _Document:
    schema: str
    lessons: tuple[Lesson, ...]


def _read(path: Path | None) -> list[Lesson]:
    if path is None or missing(path):
        return []
    return list(_rows(path))


def _rows(path: Path) -> Iterator[Lesson]:
    try:
        told = record(_Document, read_json(path), str(path))
    except InvalidInput:  # what cannot be read is found anew
        return
    if told.schema == SCHEMA:
        yield from told.lessons
