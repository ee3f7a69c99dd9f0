"""What a worker process costs per run, for small and large arrays, as ratios from one run.

Beside each figure stand the least that any second process could cost: a message there and back over a socket, and one
copy of the arrays in memory. The backend adds one to its input, in this process and in a worker.

    python benchmarks/isolation.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from statistics import median
from subprocess import Popen
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table
from zif import Compiled, Target
from zif.backends.backend import Backend
from zif.backends.isolation import isolated
from zif.backends.registry import Installed

PLUGIN = """
import numpy as np
from zif import Capabilities, hookimpl

@hookimpl
def capabilities():
    return Capabilities(processor="cpu", isolate=True)

@hookimpl
def load():
    return Run()

class Run:
    def run(self, inputs):
        return {"y": inputs["x"] + np.float32(1)}
    def close(self):
        pass
"""
ECHO = """
import sys
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
while True:
    pipe.send_bytes(pipe.recv_bytes())
"""
HOST = Target("host")
ROUNDS, BATCH = 30, 10


def once(call: Callable[[], object]) -> float:
    """Microseconds of one call, the mean of a small batch."""
    start = perf_counter()
    for _ in range(BATCH):
        call()
    return (perf_counter() - start) / BATCH * 1e6


def in_turns(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds of each, medians: they take turns, so that a change of the machine's speed hits all."""
    for call in calls.values():
        call()
    rounds = [{name: once(call) for name, call in calls.items()} for _ in range(ROUNDS)]
    return {name: median(one[name] for one in rounds) for name in calls}


def main() -> None:
    table = Table(
        "array", "in process", "in a worker", "overhead", "socket there and back", "one copy", "overhead / floor"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "zif_bench_plugin.py").write_text(PLUGIN)
        sys.path.insert(0, folder)
        here = Backend.open(Installed("bench", "bench", "0", "zif_bench_plugin"))
        compiled, options = Compiled("none", {"m": b""}, "m", (), ()), here.options({}, HOST)
        inside, outside = here.load(compiled, options), isolated(here, HOST).load(compiled, options)
        ours, theirs = Pipe()
        os.set_inheritable(theirs.fileno(), True)
        with Popen([sys.executable, "-c", ECHO, str(theirs.fileno())], pass_fds=[theirs.fileno()]) as echo:
            for size in (1 << 10, 10 << 18, 25 << 20 >> 2):
                x = np.ones(size, np.float32)
                y = np.empty_like(x)
                t = in_turns(
                    {
                        "in": lambda x=x: inside.run({"x": x}),
                        "out": lambda x=x: outside.run({"x": x}),
                        "socket": lambda: (ours.send_bytes(b"x" * 300), ours.recv_bytes()),
                        "copy": lambda x=x, y=y: np.copyto(y, x),
                    }
                )
                # The arrays must cross: at the least one copy in and one out.
                over, floor = t["out"] - t["in"], t["socket"] + 2 * t["copy"]
                label = f"{x.nbytes >> 10} KB" if x.nbytes < 1 << 20 else f"{x.nbytes / (1 << 20):.0f} MB"
                cells = [t["in"], t["out"], over, t["socket"], t["copy"]]
                table.add_row(label, *(f"{cell:,.0f} µs" for cell in cells), f"{over / floor:.1f}×")
            echo.terminate()
        outside.close()
    Console().print(table)


if __name__ == "__main__":
    main()
