"""What QNN writes down of each run, by operator: cycles, and microseconds as their shares of the accelerator's time."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from attrs import frozen
from zif.plugin import content_of

from zif_qnn_runtime.failures import original_name

_ACCELERATOR, _WHOLE = "Accelerator (execute) time", "QNN (execute) time"
#: A row up to what happened, which is last: names of nodes stand there as they are, commas and ends of lines included.
_ROW = re.compile(r"^\d+,([A-Z_ ]+),(\d+),([A-Z_ ]+),[A-Z_ ]*,[A-Z_ -]*,", re.MULTILINE)
_OPERATOR = re.compile(r"(.*?)[: ]OpId_\d+ \(cycles\)", re.DOTALL)


@frozen
class Row:
    """A line of a profile: what kind of thing, how much of which unit, and what it is of."""

    kind: str
    amount: float
    unit: str
    what: str


@frozen
class Run:
    """One run: microseconds of QNN as a whole and of the accelerator, and cycles by operator, named as QNN has it."""

    whole: float
    accelerator: float
    cycles: Mapping[str, float]

    @property
    def us(self) -> dict[str, float]:
        """Microseconds by operator: its share of all cycles, of the accelerator's time."""
        total = sum(self.cycles.values()) or 1.0
        return {name: count / total * self.accelerator for name, count in self.cycles.items()}


class Profile:
    """The file that QNN appends to, in a folder of its own until `close`."""

    def __init__(self, level: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zif-qnn-profile-", ignore_cleanup_errors=True)
        self._path = Path(self._folder.name) / "profile.csv"
        self._level = level

    @property
    def settings(self) -> Mapping[str, Any]:
        """The provider options that switch profiling on."""
        return {"profiling_level": self._level, "profiling_file_path": str(self._path)}

    def read(self) -> dict[str, float]:
        """The last run: microseconds of QNN as a whole, of the accelerator, and of each operator by its node's name.

        An operator that was fused into another counts with that. Empty before the first run.
        """
        runs = self.runs()
        return by_node(runs[-1]) if runs else {}

    def runs(self) -> list[Run]:
        """Every run so far; none where QNN wrote nothing that can be read."""
        if not self._path.is_file():
            return []
        return runs_of(rows_of(content_of(self._path).decode(errors="replace")))

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()


def rows_of(text: str) -> list[Row]:
    """The rows of a profile's text. QNN quotes nothing, so a row ends where the next one begins."""
    matches = list(_ROW.finditer(text))
    ends = [match.start() for match in matches[1:]] + [len(text)] * bool(matches)
    return [
        Row(match[1], float(match[2]), match[3], text[match.end() : end].rstrip("\r\n,"))
        for match, end in zip(matches, ends, strict=True)
    ]


def runs_of(rows: Sequence[Row]) -> list[Run]:
    """The rows of a profile by run; QNN writes the time of the whole run last."""
    runs: list[Run] = []
    begin = 0
    for index, row in enumerate(rows):
        if row.what == _WHOLE:
            runs.append(_run(rows[begin : index + 1]))
            begin = index + 1
    return runs


def by_node(run: Run) -> dict[str, float]:
    """What `Profile.read` gives of a run."""
    times: dict[str, float] = {"QNN": run.whole, "accelerator": run.accelerator}
    for name, us in run.us.items():
        node = original_name(name)
        times[node] = times.get(node, 0.0) + us
    return times


def _run(rows: Iterable[Row]) -> Run:
    rows = list(rows)
    times = {row.what: row.amount for row in rows if row.unit == "US"}
    cycles: dict[str, float] = {}
    for name, count in _operators(rows):
        cycles[name] = cycles.get(name, 0.0) + count
    return Run(times[_WHOLE], times.get(_ACCELERATOR, 0.0) or times[_WHOLE], cycles)


def _operators(rows: Iterable[Row]) -> Iterator[tuple[str, float]]:
    for row in rows:
        named = _OPERATOR.match(row.what) if row.kind == "NODE" else None
        if named:
            yield named[1], row.amount


class Profiled(Protocol):
    """An open segment that writes down what QNN notes of each run."""

    def run(self, inputs: Any) -> Any: ...

    def runs(self) -> list[Run]: ...

    def close(self) -> None: ...


def noted(opened: Callable[[], Profiled], inputs: Any, runs: int) -> list[Run]:
    """What QNN notes of so many runs, after one to warm up, in a segment that is opened for that."""
    segment = opened()
    try:
        for _ in range(runs + 1):
            segment.run(inputs)
        return segment.runs()[-runs:]
    finally:
        segment.close()


def unit_times(opened: Callable[[], Profiled], inputs: Any, runs: int) -> dict[str, float]:
    """Microseconds by operator, the median of the runs.

    What QNN counts at nothing was fused into another operator and is left out. Empty where QNN notes no operator.
    """
    seen = [by_node(run) for run in noted(opened, inputs, runs)]
    names = dict.fromkeys(name for run in seen for name in run if name not in ("QNN", "accelerator"))
    times = {name: float(median(run.get(name, 0.0) for run in seen)) for name in names}
    return {name: us for name, us in times.items() if us > 0}
