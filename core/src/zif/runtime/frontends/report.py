"""What came of a conversion: who made what of which source, and how far it is from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import evolve, frozen

from zif.runtime.measures import Figures


@frozen
class Port:
    """An input or output: its name in the source, its name in the ONNX model, its type and its shape (None is open)."""

    source: str
    name: str
    type: str
    shape: tuple[int | str | None, ...] | None


@frozen
class OutputCheck:
    """One output beside the source's. sqnr_db and max_abs: None for what is no float; equal: no element differs."""

    name: str
    equal: bool
    sqnr_db: float | None = None
    max_abs: float | None = None
    agreement: float | None = None

    @classmethod
    def of(cls, name: str, figures: Figures) -> OutputCheck:
        """From what was tallied: a ratio that is infinite is no number of JSON, and is told by `equal`."""
        ratio = figures.sqnr_db
        finite = ratio if ratio is not None and math.isfinite(ratio) else None
        same = ratio == math.inf if ratio is not None else figures.agreement == 1
        return cls(name, same and not figures.not_finite, finite, figures.max_abs, figures.agreement)


@frozen
class SourceCheck:
    """The ONNX model beside its source. against: who ran the source. skipped: why it was not compared, "" when it was.
    wrong: what is further off than it may be, as a sentence; "" for nothing. resized: where dimensions are open, the
    other shapes at which both were compared, too. reordered: rows that stand elsewhere among rows of equal scores.
    """

    against: str = ""
    samples: int = 0
    outputs: tuple[OutputCheck, ...] = ()
    skipped: str = ""
    wrong: str = ""
    resized: str = ""
    reordered: int = 0


@frozen
class Report:
    """Everything that is told of a conversion. opset_asked: 0 where none was. operators: how many of each, in bodies
    of If, Loop and Scan too.
    """

    source: str
    what: str
    frontend: str
    toolchain: str
    tool: str
    opset_asked: int
    opset: int
    operators: Mapping[str, int]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layout: tuple[str, ...]
    notes: tuple[str, ...]
    check: SourceCheck

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return attrs.asdict(self)


@frozen
class Conversion:
    """A converted model: the ONNX file, with its data files beside it, and the report. cached: it was made before."""

    model: Path
    report: Report
    cached: bool = False

    def of(self, source: str) -> Conversion:
        """The same of a file of another name with the same content."""
        return evolve(self, report=evolve(self.report, source=source))
