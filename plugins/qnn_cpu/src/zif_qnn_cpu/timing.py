"""How long each node takes in ONNX Runtime: what its own profiler says of a session opened for that alone."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zif_qnn_cpu.executable import CpuSession
from zif_qnn_cpu.mentions import PREFIX
from zif_qnn_cpu.sessions import open_session

if TYPE_CHECKING:
    from zif import Arrays, Compiled

    from zif_qnn_cpu.options import Options
    from zif_qnn_cpu.sessions import Opened

#: What the optimizer and `zif_qnn_cpu.guards` hang on to the names of nodes that they rewrite.
_REWRITTEN = re.compile(rf"(_nchwc|_token_\d+|_fused|_quant|/[A-Za-z]+Fusion|/{PREFIX}\d+)+$")
_KERNEL = "_kernel_time"


class TimedSession(CpuSession):
    """A segment that can also be timed node by node, in a session of its own."""

    def __init__(self, opened: Opened, compiled: Compiled, options: Options, shared: bool) -> None:
        super().__init__(opened, compiled)
        self._again = compiled, options, shared

    def unit_times(self, inputs: Arrays, runs: int) -> dict[str, float]:
        """Microseconds by node; see zif.SupportsUnitTimes."""
        return unit_times(*self._again, inputs, runs)


def unit_times(compiled: Compiled, options: Options, shared: bool, inputs: Arrays, runs: int) -> dict[str, float]:
    """Microseconds by node of the graph as the engine optimizes it, the median of `runs` after one to warm up."""
    from zif.plugin import private_folder  # it takes a while to import, which opening should not

    with private_folder("zif-profile-") as folder:
        opened = open_session(compiled, options, shared, profile=str(folder / "run"))
        timed = CpuSession(opened, compiled)
        for _ in range(runs + 1):
            timed.run(inputs)
        events = json.loads(Path(opened.session.end_profiling()).read_text(encoding="utf-8"))
        timed.close()
    return _medians(_by_run(events)[1:])


def _by_run(events: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Of each run, microseconds by node. The engine writes an event of the whole run after those of its nodes."""
    runs: list[dict[str, float]] = []
    current: dict[str, float] = defaultdict(float)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            current[_name(event)] += event["dur"]
        elif event["name"] == "model_run":
            runs.append(current)
            current = defaultdict(float)
    return runs


def _name(event: Mapping[str, Any]) -> str:
    """The node's name without what the optimizer added; the operator's for one that only moves data about."""
    operator = event["args"]["op_name"]
    if operator in ("ReorderInput", "ReorderOutput"):
        return f"({operator})"
    return _REWRITTEN.sub("", event["name"].removesuffix(_KERNEL)) or operator


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    from statistics import median

    names = dict.fromkeys(name for run in runs for name in run)
    return {name: float(median(run.get(name, 0.0) for run in runs)) for name in names}
