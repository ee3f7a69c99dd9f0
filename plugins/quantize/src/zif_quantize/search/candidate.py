"""One mix of precisions with what was measured of it, and the frontier of many: cost against accuracy."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen
from zif.plugin import csv_cell


@frozen
class Candidate:
    """One mix of precisions, and what was measured of it.

    role: why it was tried: "uniform", "sensitivity", "search", "pruning" or "smoothing". arithmetic: what it ran on: a
    target's name, or "reference". levels: the precision of each unit that has a choice. cost: in `unit` ("us", "uj", or
    "bitops" without a target); NaN where it was not asked for, infinite when the mix could not be made, which `error`
    then explains. sqnr and noise: dB and energy of the error, per float output. metric: the number of the user's
    function. backends: those that ran, of which `emulated` are emulators. seconds: what making and measuring took.
    """

    number: int
    role: str
    arithmetic: str
    levels: Mapping[str, str] = field(repr=False)
    cost: float
    unit: str
    sqnr: Mapping[str, float]
    noise: Mapping[str, float] = field(repr=False)
    metric: float | None = None
    met: bool = False
    backends: tuple[str, ...] = ()
    segments: int = 0
    seconds: float = 0.0
    error: str = ""
    unit_costs: Mapping[str, float] = field(factory=dict, repr=False)
    emulated: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many units have each precision."""
        return dict(Counter(self.levels.values()))

    @property
    def sqnr_db(self) -> float:
        """The ratio of the worst float output; infinite when there is none, -infinite for what could not be made."""
        return min(self.sqnr.values(), default=-math.inf if self.error else math.inf)

    def to_json(self) -> dict[str, Any]:
        """What a table of candidates needs."""
        words = {"number": self.number, "role": self.role, "arithmetic": self.arithmetic}
        exact = self.sqnr_db == math.inf
        figures = {"cost": self.cost, "unit": self.unit, "sqnr_db": self.sqnr_db, "exact": exact, "metric": self.metric}
        ran = {"backends": list(self.backends), "emulated": list(self.emulated)}
        place = {**ran, "segments": self.segments, "seconds": self.seconds}
        return {**words, "units": self.counts, **figures, "met": self.met, **place, "error": self.error}


def frontier(candidates: Iterable[Candidate], by_metric: bool = False, at_most: bool = False) -> list[Candidate]:
    """The candidates that no other beats in cost and accuracy both, the cheapest first.

    by_metric: accuracy is the user's number, smaller being better with `at_most`; else the ratio of the worst output.
    """

    def accuracy(candidate: Candidate) -> float:
        if not by_metric:
            return candidate.sqnr_db
        return -math.inf if candidate.metric is None else -candidate.metric if at_most else candidate.metric

    rows = [candidate for candidate in candidates if not candidate.error and math.isfinite(candidate.cost)]
    best: list[Candidate] = []
    for line in sorted(rows, key=lambda row: (row.cost, -accuracy(row), row.number)):
        if not best or accuracy(line) > accuracy(best[-1]):
            best.append(line)
    return best


def table(candidates: Iterable[Candidate], kept: Iterable[Candidate], levels: Iterable[str]) -> str:
    """Every candidate as CSV, one row each; `on_frontier` marks those of `kept`.

    An SQNR without any error is "inf"; a cell is empty where nothing was measured.
    """
    names, best = list(levels), {candidate.number for candidate in kept}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = ["number", "role", "arithmetic", *(f"units_{name}" for name in names), "cost", "cost_unit", "sqnr_db"]
    writer.writerow([*head, "metric", "met", "on_frontier", "backends", "segments", "seconds", "error"])
    for candidate in candidates:
        ratio = "inf" if candidate.sqnr_db == math.inf else _cell(candidate.sqnr_db)
        figures = [_cell(candidate.cost), candidate.unit, ratio, "" if candidate.metric is None else candidate.metric]
        rest = [
            int(candidate.met),
            int(candidate.number in best),
            "+".join(candidate.backends),
            candidate.segments,
            candidate.seconds,
            candidate.error,
        ]
        counts = [candidate.counts.get(name, 0) for name in names]
        writer.writerow(
            map(csv_cell, [candidate.number, candidate.role, candidate.arithmetic, *counts, *figures, *rest])
        )
    return stream.getvalue()


def ratios(sqnr: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Ratios per output as rows of a document, with `exact` saying what JSON cannot: that one is infinite."""
    return {name: {"sqnr_db": round(db, 2), "exact": db == math.inf} for name, db in sqnr.items()}


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else ""
