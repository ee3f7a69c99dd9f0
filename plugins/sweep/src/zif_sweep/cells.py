"""One cell of a sweep, and its key: everything that its result depends on, so that equal keys need no second look."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen
from zif.plugin import json_text

from zif_sweep.words import STAGES as STAGES

#: Raised when a stage begins to compute something else: old rows are done anew then.
_EDITION = 1


@frozen
class Subject:
    """A model as a sweep names it. files: its file by precision; "" stands for every other one.

    shapes: fixed dimensions by input. digest: of its content, by precision; trouble: why a file cannot be read.
    """

    name: str
    files: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]] = field(factory=dict)
    digest: Mapping[str, str] = field(factory=dict)
    calibration: str = ""
    preprocess: str = ""
    function: str = ""
    samples: str = ""

    def file(self, precision: str) -> str:
        """The file for this precision: a ready one, or the one that the precision is made of."""
        return self.files.get(precision, self.files.get("", ""))

    def is_ready(self, precision: str) -> bool:
        """Whether a file of its own was given for it."""
        return precision in self.files


@frozen
class Cell:
    """One model on one target in one precision, through one stage.

    wishes: the keyword arguments of `zif.load` that shape the plan. work: the folder for models that are quantized.
    bundles: the folder that keeps what is compiled; "" keeps nothing. key: see `key_of`.
    """

    subject: Subject
    target: str
    precision: str
    stage: str
    wishes: Mapping[str, Any] = field(factory=dict)
    runs: int = 10
    work: str = ""
    bundles: str = ""
    key: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Model, target, precision and stage."""
        return self.subject.name, self.target, self.precision, self.stage

    @property
    def named(self) -> str:
        """The cell in words, for progress and messages."""
        return f"{self.subject.name} on {self.target} in {self.precision}: {self.stage}"


def key_of(cell: Cell, chip: Mapping[str, Any], machine: Mapping[str, Any], content: Mapping[str, str]) -> str:
    """sha256 over what the cell depends on, in hex.

    chip: the target as it is described. machine: zif, the plugins and their toolchains. content: digests of what is
    read beside the model, by path.
    """
    subject, stage = cell.subject, cell.stage
    depends: dict[str, Any] = {
        "edition": _EDITION,
        "model": subject.digest.get(cell.precision, subject.digest.get("", "")),
        "shapes": {name: list(dims) for name, dims in subject.shapes.items()},
        "target": cell.target,
        "chip": chip,
        "precision": cell.precision,
        "ready": subject.is_ready(cell.precision),
        "stage": stage,
        "wishes": dict(cell.wishes),
        "machine": machine,
    }
    if cell.precision != "float" and not subject.is_ready(cell.precision):
        depends["data"] = [content.get(path, "") for path in (subject.calibration,)] + [subject.preprocess]
    if stage == "eval":
        depends["function"] = [subject.function, content.get(subject.function.partition(":")[0], "")]
        depends["function"].append(content.get(subject.function.rpartition(":")[0], ""))
    if stage == "verify":
        depends["samples"] = [content.get(subject.samples, ""), subject.preprocess]
    if stage in ("run", "profile"):
        depends["runs"] = cell.runs
    return hashlib.sha256(json_text(depends, sort_keys=True, default=str).encode()).hexdigest()


def with_key(cell: Cell, *about: Mapping[str, Any]) -> Cell:
    """The cell with its key; `about` as `key_of` takes it."""
    return attrs.evolve(cell, key=key_of(cell, *about))
