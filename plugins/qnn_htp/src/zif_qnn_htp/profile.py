"""What QNN writes down of each run, as microseconds by operator."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zif_qnn_runtime import original_name

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
        if not self._path.is_file():
            return {}
        with self._path.open(newline="", encoding="utf-8") as file:
            return last_run(list(csv.DictReader(file)))

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()


def last_run(rows: list[Mapping[str, str]]) -> dict[str, float]:
    """The rows of the last run in a profile, as microseconds by name."""
    ends = [index for index, row in enumerate(rows) if row["Event Identifier"] == _WHOLE]
    if not ends:
        return {}
    begin = ends[-2] + 1 if len(ends) > 1 else 0
    run = rows[begin : ends[-1] + 1]
    times = {row["Event Identifier"]: float(row["Time"]) for row in run if row["Unit of Measurement"] == "US"}
    accelerator = times.get(_ACCELERATOR, 0.0)
    return {"QNN": times[_WHOLE], "accelerator": accelerator, **_shares(run, accelerator)}


def _shares(run: Iterable[Mapping[str, str]], microseconds: float) -> dict[str, float]:
    cycles: dict[str, float] = {}
    for row in run:
        if row["Message"] == "NODE":
            name = original_name(row["Event Identifier"].rsplit(":OpId", 1)[0].rsplit(" OpId", 1)[0])
            cycles[name] = cycles.get(name, 0.0) + float(row["Time"])
    total = sum(cycles.values()) or 1.0
    return {name: count / total * microseconds for name, count in cycles.items()}
