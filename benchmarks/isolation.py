"""What a worker process costs per run, for small and large arrays, as ratios from one run.

Beside each figure stand the least that any second process could cost: a message there and back over a socket, and one
copy of the arrays in memory. The backend adds one to its input: in this process, in a worker, and in one of another
environment, as `zif env` has it (here this interpreter under another name, so that nothing but the way there differs).

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
from zif.backends.environments import make
from zif.backends.isolation import isolated
from zif.backends.isolation.remote import Elsewhere
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
    return {name: median(turn[name] for turn in rounds) for name in calls}


def elsewhere(folder: Path) -> Backend:
    """The same backend in an environment: this interpreter under another name, which finds what this one finds."""
    python = folder / "python"
    path = os.pathsep.join([str(folder), *map(os.path.abspath, sys.path)])
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    os.environ["ZIF_DATA"] = str(folder)
    make.add("bench", str(python))
    return isolated(Elsewhere(Installed("bench", "bench", "0", "zif_bench_plugin", environment="bench")), HOST)


def main() -> None:
    columns = ("array", "in process", "in a worker", "overhead", "elsewhere", "overhead", "there and back", "one copy")
    table = Table(*columns, "overhead / floor")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "zif_bench_plugin.py").write_text(PLUGIN)
        sys.path.insert(0, folder)
        here = Backend.open(Installed("bench", "bench", "0", "zif_bench_plugin"))
        compiled, options = Compiled("none", {"m": b""}, "m", (), ()), here.options({}, HOST)
        inside, outside = here.load(compiled, options), isolated(here, HOST).load(compiled, options)
        other = elsewhere(Path(folder)).load(compiled, options)
        ours, theirs = Pipe()
        os.set_inheritable(theirs.fileno(), True)
        with Popen([sys.executable, "-c", ECHO, str(theirs.fileno())], pass_fds=[theirs.fileno()]) as echo:
            for size in (1 << 8, 1 << 18, 1 << 22):
                x = np.ones(size, np.float32)
                y = np.empty_like(x)
                t = in_turns(
                    {
                        "in": lambda x=x: inside.run({"x": x}),
                        "out": lambda x=x: outside.run({"x": x}),
                        "other": lambda x=x: other.run({"x": x}),
                        "socket": lambda: (ours.send_bytes(b"x" * 300), ours.recv_bytes()),
                        "copy": lambda x=x, y=y: np.copyto(y, x),
                    }
                )
                # The arrays must cross: at the least one copy in and one out.
                over, far, floor = t["out"] - t["in"], t["other"] - t["in"], t["socket"] + 2 * t["copy"]
                label = f"{x.nbytes >> 10} KiB" if x.nbytes < 1 << 20 else f"{x.nbytes >> 20} MiB"
                cells = [t["in"], t["out"], over, t["other"], far, t["socket"], t["copy"]]
                table.add_row(label, *(f"{cell:,.0f} µs" for cell in cells), f"{over / floor:.1f}×")
            echo.terminate()
        outside.close()
        other.close()
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
