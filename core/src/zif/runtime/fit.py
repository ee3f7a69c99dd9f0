"""How well what a bundle holds goes with a chip and with what is installed here, told before any of it is opened.

The group `zif.fits` names, by the word in `Compiled.format`, a function from an artifact (of which only the main file
is there) and a target to a grade, a sentence, and how far it is from the best (a whole number, 0 for nothing). What
nobody judges is judged by its certificate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from attrs import frozen

from zif.artifacts.bundle import Bundle
from zif.backends import registry
from zif.backends.blame import blaming
from zif.backends.extensions import fit_of as brought
from zif.errors import BackendBroken
from zif.files.wording import listed
from zif.records import Compiled, Installed, Target

Grade = Literal["optimal", "works", "recompile", "missing"]
#: From the best to the worst.
GRADES: tuple[Grade, ...] = get_args(Grade)


@frozen
class SegmentFit:
    """One artifact: optimal; works, but a new one would be better; recompile, it will not do; missing, its backend is
    not installed. reason: what differs, as a sentence; "" for optimal. distance: among those of one grade, the less
    the better.
    """

    segment: int
    backend: str
    grade: Grade
    reason: str = ""
    distance: int = 0


@frozen
class Fit:
    """What a bundle holds for one of its targets, on the chip that was asked for: as good as its worst segment."""

    target: str
    segments: tuple[SegmentFit, ...]

    @property
    def grade(self) -> Grade:
        """The worst of its segments'."""
        return max((segment.grade for segment in self.segments), key=GRADES.index, default="optimal")

    @property
    def distance(self) -> int:
        """The largest of its segments'."""
        return max((segment.distance for segment in self.segments), default=0)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What makes it no better, each thing once."""
        worst = [segment for segment in self.segments if segment.grade == self.grade and segment.reason]
        told: dict[str, list[str]] = {}
        for fit in worst:
            told.setdefault(f"on {fit.backend}: {fit.reason}", []).append(str(fit.segment))
        word = "segments" if len(worst) > 1 else "segment"
        return tuple(f"{word} {listed(numbers, 8)} {text}" for text, numbers in told.items())


def fit(bundle: Bundle, target: str, chip: Target) -> Fit:
    """What the bundle holds for `target`, on `chip`. Reads main files, loads nothing. Raises InvalidBundle."""
    rows = {row.name: row for row in registry.installed()}
    segments = bundle.segments(target)
    return Fit(target, tuple(_judged(bundle, target, number, backend, chip, rows) for number, backend in segments))


def ranked(bundle: Bundle, chip: Target) -> tuple[Fit, ...]:
    """Every target of the bundle on a chip, the best first; the chip's own before others, else in their order."""
    fits = [fit(bundle, name, chip) for name in bundle.targets]
    return tuple(sorted(fits, key=lambda fit: (GRADES.index(fit.grade), fit.distance, fit.target != chip.name)))


def _judged(
    bundle: Bundle, target: str, number: int, backend: str, chip: Target, rows: dict[str, Installed]
) -> SegmentFit:
    if backend not in rows:
        return SegmentFit(number, backend, "missing", f"{backend} is not installed here")
    compiled = bundle.described(number, target)
    judge = brought(compiled.format)
    if judge is None:
        return SegmentFit(number, backend, *_by_certificate(compiled, rows[backend], chip))
    with blaming(f"what judges {compiled.format}", "looking at an artifact", BackendBroken):
        grade, reason, distance = judge(compiled, chip)
    if grade not in GRADES:
        raise BackendBroken(f"what judges {compiled.format} says {grade!r}, which is none of {', '.join(GRADES)}")
    return SegmentFit(number, backend, grade, "" if grade == "optimal" else str(reason), int(distance))


def _by_certificate(compiled: Compiled, row: Installed, chip: Target) -> tuple[Grade, str]:
    """ONNX runs wherever its engine does; what another format is made for, nobody but its backend knows."""
    born = compiled.certificate
    if born is None or compiled.format == "onnx":
        return "optimal", ""
    if born.target != chip.name and not chip.is_host:
        return "recompile", f"it was compiled for {born.target}, and this is {chip.name}"
    if born.version != row.version:
        return "works", f"it was compiled with {row.distribution} {born.version}, and {row.version} is here"
    return "optimal", ""


def sentence(fits: Iterable[Fit]) -> str:
    """The targets with their grades and reasons, for an error: "A: recompile (segment 0 …); B: …"."""
    lines = [f"{fit.target}: {fit.grade}" + (f" ({'; '.join(fit.reasons)})" if fit.reasons else "") for fit in fits]
    return "; ".join(lines)
