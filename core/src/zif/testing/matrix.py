"""The support matrix: how ONNX's node tests of every operator ended on every backend, by target and element type.

Four words: right; refused, by the backend or for it; wrong (kept off), which plans do not put there; wrong, which the
kit fails; and not tried, what a sample left out or what a backend that is not available here could not show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict, field, frozen

SCHEMA = "zif.matrix/1"
WORDS = ("right", "refused", "wrong (kept off)", "wrong", "not tried")
_WORDS: Mapping[str, str] = {"right": "right", "not claimed": "refused"}


@frozen
class Column:
    """One backend for one target, and what made its answers. `reason`: why there are none.

    sample: at most so many tests of an operator were run on it; 0: all.
    """

    backend: str
    target: str
    distribution: str
    version: str
    toolchain: str
    kind: str
    available: bool
    reason: str
    sample: int = 0


@frozen
class Cell:
    """One operator on one backend for one target, in one element type: how many tests ended in which way.

    `why` is the reason of the first of the worst that was not right.
    """

    operator: str
    backend: str
    target: str
    dtype: str
    counts: Mapping[str, int]
    why: str = ""

    @property
    def word(self) -> str:
        """The word for all of them: the worst that happened, but "refused" only where nothing was right."""
        for word in ("wrong", "wrong (kept off)", "right", "refused"):
            if self.counts.get(word):
                return word
        return "not tried"


@frozen
class Matrix:
    """All of it. `onnx` and `zif`: the versions that the tests and the kit are of. `sample`: 0, or tests of an operator
    at most.
    """

    zif: str
    onnx: str
    sample: int
    columns: tuple[Column, ...]
    cells: tuple[Cell, ...] = field(default=())

    def counts(self, column: Column) -> dict[str, int]:
        """How many tests ended in each way on one backend for one target."""
        total: Counter[str] = Counter()
        for cell in self.of(column):
            total.update(cell.counts)
        return {word: total[word] for word in WORDS if total[word]}

    def of(self, column: Column) -> Iterator[Cell]:
        """The cells of one backend for one target."""
        return (cell for cell in self.cells if (cell.backend, cell.target) == (column.backend, column.target))

    def operators(self) -> list[str]:
        """Every operator that some backend was tried with, by name."""
        return sorted({cell.operator for cell in self.cells})

    def to_json(self) -> dict[str, Any]:
        """The document `zif.matrix/1`."""
        columns = [{**asdict(column), "counts": self.counts(column)} for column in self.columns]
        cells = [{**asdict(cell), "word": cell.word} for cell in self.cells]
        return {
            "schema": SCHEMA,
            "zif": self.zif,
            "onnx": self.onnx,
            "sample": self.sample,
            "columns": columns,
            "cells": cells,
        }


def of_records(records: Sequence[Mapping[str, Any]], sample: int) -> Matrix:
    """The matrix of documents `zif.check/1`, one for each backend and target."""
    import onnx

    from zif.backends.registry import core_version

    columns = tuple(_column(record, sample) for record in records)
    cells = tuple(cell for record in records for cell in _cells(record))
    return Matrix(core_version(), onnx.__version__, sample, columns, cells)


def _column(record: Mapping[str, Any], sample: int) -> Column:
    names = ("backend", "target", "distribution", "version", "toolchain", "kind", "available", "reason")
    return Column(**{name: record[name] for name in names}, sample=record.get("sample", sample))


def _cells(record: Mapping[str, Any]) -> Iterator[Cell]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for ending in record["observed"]:
        groups.setdefault((ending["operator"], ending.get("dtype", "")), []).append(ending)
    for (operator, dtype), endings in sorted(groups.items()):
        words = Counter(word_of(ending) for ending in endings)
        yield Cell(operator, record["backend"], record["target"], dtype, dict(words), _why(endings))
    for operator in _untried(record, {operator for operator, _ in groups}):
        yield Cell(operator, record["backend"], record["target"], "", {"not tried": 1}, record["reason"])


def _untried(record: Mapping[str, Any], tried: Iterable[str]) -> list[str]:
    """Operators whose tests were not run, as where the backend is not available."""
    names = (test.partition("test_operator[")[2].rstrip("]") for test in record["tests"] if "test_operator[" in test)
    unavailable = [name for name in names if name not in tried]
    return unavailable if not record["available"] else []


def word_of(ending: Mapping[str, Any]) -> str:
    """Of how one test ended."""
    if ending["outcome"] == "not claimed" and ending.get("kept_off"):
        return "wrong (kept off)"
    return _WORDS.get(ending["outcome"], "wrong")


def _why(endings: Iterable[Mapping[str, Any]]) -> str:
    """The first reason of the worst: what is refused beside what is wrong does not explain it."""
    told = [ending for ending in endings if ending.get("why")]
    worst = sorted(told, key=lambda case: ("wrong", "wrong (kept off)", "refused", "right").index(word_of(case)))
    return str(worst[0]["why"]) if worst else ""
