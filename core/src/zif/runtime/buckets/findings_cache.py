"""What was found of padding is not looked for again: kept by the model, its grid, judge and samples."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from zif.artifacts.hashed import Damaged
from zif.artifacts.sealing import canonical, plain
from zif.backends.registry import core_version
from zif.errors import BackendUnavailable
from zif.files.records import record
from zif.model.arguments import Progress
from zif.runtime.buckets.checking import Finding, Findings, check
from zif.runtime.buckets.grid import Grid
from zif.runtime.buckets.trial import Trial
from zif.runtime.verification.results_cache import Kept, digest_of

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.buckets.masking.spans import Spans

_SCHEMA = "zif.padding/2"


def checked(
    model: Model,
    grid: Grid,
    samples: Sequence[Any] | None,
    cache: bool,
    progress: Progress | None,
    growing: Callable[[], Spans],
) -> Findings:
    """What is found of every bucket of a grid. Where nothing can judge, nothing is padded.

    growing: as `spans` of the model and grid.
    """
    try:
        trial = Trial(model, grid, samples, growing=growing)
    except BackendUnavailable as error:
        return Findings(tuple(Finding("", str(error)) for _ in grid.points()))
    try:
        place = _place(trial) if cache else None
        before = _read(place) if place is not None else None
        if before is not None:
            return before
        findings = check(trial, progress or (lambda _: None))
    finally:
        trial.close()
    if place is not None:
        place.keep(plain(attrs.asdict(findings)))
    return findings


def known(model: Model, grid: Grid, samples: Sequence[Any] | None) -> Findings | None:
    """What was found before, without running anything; None where nothing was tried."""
    try:
        trial = Trial(model, grid, samples)
    except BackendUnavailable:
        return None
    try:
        place = _place(trial)
        return _read(place) if place is not None else None
    finally:
        trial.close()


def _place(trial: Trial) -> Kept | None:
    from zif.artifacts.cache import default_cache

    kept = default_cache()
    if kept is None:
        return None
    told = [_SCHEMA, core_version(), trial.model.digest, attrs.asdict(trial.grid), trial.judge.versions]
    name = hashlib.sha256(canonical([*told, digest_of(trial.samples or ())]).encode()).hexdigest()
    return Kept(kept.root, name, _SCHEMA)


def _read(place: Kept) -> Findings | None:
    data = place.read()
    try:
        return None if data is None else record(Findings, data, "what was kept of padding", Damaged)
    except Damaged:
        return None
