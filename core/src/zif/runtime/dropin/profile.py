"""Profiling as ONNX Runtime has it: a Chrome trace in a file, one event to a line, of what zif times: its segments."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif.files.wording import json_text
from zif.files.writing import write_whole

if TYPE_CHECKING:
    from zif.runtime.session import Timing


class Profile:
    """What the runs of a session took, since it was opened."""

    def __init__(self, prefix: str) -> None:
        self.begin_ns = time.monotonic_ns()
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S")
        self._path = Path(f"{prefix}{stamp}_{os.getpid()}_{self.begin_ns % 10**6}.json")
        self._events: list[dict[str, Any]] = []

    def run(self, begin_ns: int, timings: Iterable[Timing]) -> None:
        """One run with its segments, in the order in which they ran."""
        end_ns = time.monotonic_ns()
        self._add("Session", "model_run", begin_ns, (end_ns - begin_ns) / 1e3, {})
        at = begin_ns
        for timing in timings:
            told = {"provider": timing.backend, "kind": timing.kind, "segment": str(timing.segment)}
            self._add("Node", f"segment_{timing.segment}_{timing.backend}", at, timing.ms * 1e3, told)
            at += int(timing.ms * 1e6)

    def _add(self, kind: str, name: str, begin_ns: int, us: float, args: dict[str, str]) -> None:
        since = (begin_ns - self.begin_ns) // 1000
        event = {"cat": kind, "pid": os.getpid(), "tid": threading.get_native_id(), "dur": round(us), "ts": since}
        self._events.append({**event, "ph": "X", "name": name, "args": args})

    def end(self) -> str:
        """Write the file and give its name. Raises NotWritten."""
        lines = ",\n".join(json_text(event) for event in self._events)
        write_whole(self._path, f"[\n{lines}\n]\n")
        return str(self._path)
