"""A sweep, settled: every cell that it consists of, with its key, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import attrs
import zif
from attrs import evolve, frozen
from zif import UsageError

from zif_sweep.cells import Cell, Subject, with_key
from zif_sweep.contents import digested, digests_of
from zif_sweep.described import Described, More
from zif_sweep.machine import Machine
from zif_sweep.models import models_of
from zif_sweep.targets import targets_of
from zif_sweep.words import precisions_of, stages_of

#: What a target is called, and what is told of it, changes no result.
_TOLD = frozenset({"title", "aliases", "sources", "machine", "distribution"})


@frozen
class Sweep:
    """The cells, and where their rows go: a file that ends in .jsonl or .parquet. machine: what they were keyed for."""

    cells: tuple[Cell, ...]
    output: Path
    machine: Machine

    @classmethod
    def of(cls, described: Described) -> Sweep:
        """Everything looked up: models, chips, words; models are read for their content. Raises UsageError."""
        output = described.folder / (described.output or "sweep.jsonl")
        check_table(output)
        machine = Machine.here()
        cells = _keyed(_cells(described, output), machine)
        if not cells:
            raise UsageError("the sweep has no cell: it needs at least a model, a target and a stage")
        return cls(cells, output, machine)


def check_table(path: Path) -> None:
    """Raise UsageError for a name that says nothing of the format."""
    if path.suffix not in (".jsonl", ".parquet"):
        raise UsageError(f"{path}: a table of a sweep ends in .jsonl or .parquet")


def _cells(described: Described, output: Path) -> tuple[Cell, ...]:
    stages, function = stages_of(described.stages)
    precisions = precisions_of(described.precisions)
    targets = targets_of(described.targets or ("host",))
    subjects = [digested(subject) for subject in _subjects(described, function or described.eval)]
    more = [evolve(more, stages=stages_of(more.stages)[0]) for more in described.more]
    wishes = dict(described.plan)
    work = f"{output}.models"
    bundles = str(described.folder / described.bundles) if described.bundles else ""
    made = [
        Cell(subject, target, precision, stage, wishes, described.runs, work, bundles)
        for subject in subjects
        for target in targets
        for precision in precisions
        for stage in _stages(subject.name, target, precision, stages, more)
    ]
    _check_functions(made)
    return tuple(made)


def _stages(name: str, target: str, precision: str, stages: Sequence[str], more: Sequence[More]) -> tuple[str, ...]:
    """The stages of a cell: those of all, and those of every [[more]] that it is one of."""
    place = (name, target, precision)
    words = [*stages]
    for extra in more:
        patterns = (extra.models, extra.targets, extra.precisions)
        if all(any(fnmatchcase(word, glob) for glob in globs) for word, globs in zip(place, patterns, strict=True)):
            words += extra.stages
    return stages_of(words)[0]


def _subjects(described: Described, function: str) -> Iterator[Subject]:
    folder = described.folder
    shared: dict[str, Any] = {"shapes": dict(described.shapes), "preprocess": described.preprocess}
    shared |= {"calibration": _path(folder, described.calibration), "samples": _path(folder, described.samples)}
    seen: set[str] = set()
    for name, path in models_of(described.models, folder).items():
        seen.add(name)
        yield Subject(name, {"": str(path)}, function=_function(folder, function), **shared)
    for model in described.model:
        if model.name in seen:
            raise UsageError(f"two models are called {model.name!r}: a [[model]] needs a name of its own")
        seen.add(model.name)
        files = {**({"": model.file} if model.file else {}), **model.ready}
        if not files:
            raise UsageError(f"the [[model]] {model.name!r} names no file: write file = …, or ready.w8a8 = …")
        precisions_of(precision for precision in files if precision)
        files_by_precision = {precision: str(_there(folder / file, model.name)) for precision, file in files.items()}
        own: dict[str, Any] = {
            "shapes": {**shared["shapes"], **model.shapes},
            "calibration": _path(folder, model.calibration) or shared["calibration"],
            "preprocess": model.preprocess or shared["preprocess"],
            "samples": _path(folder, model.samples) or shared["samples"],
        }
        yield Subject(model.name, files_by_precision, function=_function(folder, model.eval or function), **own)


def _there(path: Path, name: str) -> Path:
    if not path.exists():
        raise UsageError(f"there is no {path}, which the [[model]] {name!r} names")
    return path


def _path(folder: Path, text: str) -> str:
    return str(_there(folder / text, text)) if text else ""


def _function(folder: Path, text: str) -> str:
    """FILE.py:NAME with the file beside the description; module:NAME is as it is."""
    file, colon, name = text.rpartition(":")
    return f"{folder / file}{colon}{name}" if file.endswith(".py") else text


def _check_functions(cells: Sequence[Cell]) -> None:
    """Raise UsageError where the stage eval has nothing to call, before hours of work."""
    from zif.plugin import resolved

    for cell in cells:
        if cell.stage == "eval" and not cell.subject.function:
            raise UsageError("the stage eval calls a function of yours: write `eval FILE.py:FUNCTION`")
    for function in {cell.subject.function for cell in cells if cell.stage == "eval"}:
        resolved(function)


def _keyed(cells: Sequence[Cell], machine: Machine) -> tuple[Cell, ...]:
    chips = {name: _chip(name) for name in {cell.target for cell in cells}}
    told = attrs.asdict(machine)
    content = digests_of(_beside(cells))
    return tuple(with_key(cell, chips[cell.target], told, content) for cell in cells)


def _chip(name: str) -> Mapping[str, Any]:
    """A target as far as results depend on it."""
    return attrs.asdict(zif.target(name), filter=lambda field, _: field.name not in _TOLD)


def _beside(cells: Sequence[Cell]) -> set[str]:
    """Every file and folder that is read beside the models."""
    paths: set[str] = set()
    for subject in {id(cell.subject): cell.subject for cell in cells}.values():
        paths |= {subject.calibration, subject.samples, subject.function.rpartition(":")[0]}
    return paths - {""}
