"""What QNN writes down of each run, as microseconds by operator."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from zif_qnn_runtime.failures import original_name

_ACCELERATOR, _WHOLE = "Accelerator (execute) time", "QNN (execute) time"


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

        QNN counts an operator in cycles; its share of all cycles is taken of the accelerator's time. An operator that
        was fused into another counts with that. Empty before the first run.
        """
        runs = self.runs()
        return runs[-1] if runs else {}

    def runs(self) -> list[dict[str, float]]:
        """Every run so far, as `read` gives the last."""
        if not self._path.is_file():
            return []
        with self._path.open(newline="", encoding="utf-8") as file:
            return runs_of(list(csv.DictReader(file)))

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()


def runs_of(rows: Sequence[Mapping[str, str]]) -> list[dict[str, float]]:
    """The rows of a profile by run, as microseconds by name; QNN writes the time of the whole run last."""
    runs: list[dict[str, float]] = []
    begin = 0
    for index, row in enumerate(rows):
        if row["Event Identifier"] == _WHOLE:
            runs.append(_run(rows[begin : index + 1]))
            begin = index + 1
    return runs


def _run(rows: Sequence[Mapping[str, str]]) -> dict[str, float]:
    times = {row["Event Identifier"]: float(row["Time"]) for row in rows if row["Unit of Measurement"] == "US"}
    accelerator = times.get(_ACCELERATOR, 0.0) or times[_WHOLE]
    return {"QNN": times[_WHOLE], "accelerator": accelerator, **_shares(rows, accelerator)}


def _shares(run: Iterable[Mapping[str, str]], microseconds: float) -> dict[str, float]:
    cycles: dict[str, float] = {}
    for row in run:
        if row["Message"] == "NODE":
            name = original_name(row["Event Identifier"].rsplit(":OpId", 1)[0].rsplit(" OpId", 1)[0])
            cycles[name] = cycles.get(name, 0.0) + float(row["Time"])
    total = sum(cycles.values()) or 1.0
    return {name: count / total * microseconds for name, count in cycles.items()}


class Profiled(Protocol):
    """An open segment that writes down what QNN notes of each run."""

    def run(self, inputs: Any) -> Any: ...

    def runs(self) -> list[dict[str, float]]: ...

    def close(self) -> None: ...


def unit_times(opened: Callable[[], Profiled], inputs: Any, runs: int) -> dict[str, float]:
    """Microseconds by operator: the median of `runs` after one to warm up, in a segment that is opened for that.

    What QNN counts at nothing was fused into another operator and is left out. Empty where QNN notes no operator.
    """
    segment = opened()
    try:
        for _ in range(runs + 1):
            segment.run(inputs)
        seen = segment.runs()[-runs:]
    finally:
        segment.close()
    names = dict.fromkeys(name for run in seen for name in run if name not in ("QNN", "accelerator"))
    times = {name: float(median(run.get(name, 0.0) for run in seen)) for name in names}
    return {name: us for name, us in times.items() if us > 0}
