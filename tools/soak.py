"""Hours in the life of a host: threads, sessions, shapes and killed workers, while memory and handles are counted.

Four threads run two sessions of one model with an open batch, one in this process and one in a worker, and with --chip
a third on an emulator; every output is held against numpy. Meanwhile workers are killed. What must hold: every run
gives the right numbers or a typed error, and neither memory nor descriptors nor shared memory grow after the first
third.

    python -m tools.soak [--minutes 20] [--seed 0] [--chip snapdragon-8-gen-3]
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import zif
from attrs import define, field, fields, frozen
from onnx import TensorProto, helper, numpy_helper

THREADS, WIDTH, LONGEST = 4, 64, 48
WEIGHTS = np.random.default_rng(7).normal(size=(WIDTH, WIDTH)).astype(np.float32) / 8


def model(batch: int | str) -> onnx.ModelProto:
    """tanh(relu(x) · w), for any batch."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node("MatMul", ["r", "w"], ["m"], "product"),
        helper.make_node("Tanh", ["m"], ["y"], "tanh"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, WIDTH]) for name in "xy"]
    graph = helper.make_graph(nodes, "soak", ends[:1], ends[1:], [numpy_helper.from_array(WEIGHTS, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@frozen
class Lane:
    """A session, the batches that it takes, and how far it may be from numpy."""

    name: str
    session: zif.Session
    longest: int
    tolerance: float
    fixed: bool = False


@frozen
class Reading:
    """What the host and its workers hold.

    memory: MiB that this process alone holds, without what Python's garbage collector and the allocator would give back
    at once: of 24 threads, the allocator keeps a pool for each, and how much lies idle in them says nothing of a leak.
    worker: MiB of the largest worker. descriptors: of all. shared: entries of shared memory. threads: of this process.
    """

    memory: float
    descriptors: int
    shared: int
    threads: int = 0
    worker: float = 0.0

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """What is counted."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def now(cls) -> Reading:
        """Of this process and its children."""
        gc.collect()
        trim()
        own, descriptors, worker = psutil.Process(), 0, 0
        for process in [own, *own.children(recursive=True)]:
            with suppress(psutil.Error):
                descriptors += process.num_fds()
                worker = max(worker, process.memory_full_info().uss if is_worker(process) else 0)
        shared = len(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else 0
        return cls(own.memory_full_info().uss / 2**20, descriptors, shared, own.num_threads(), worker / 2**20)


def trim() -> None:
    """Have glibc give back to the system what nobody uses; nothing where there is another allocator."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@define
class Soak:
    """Everything that runs, and what came of it."""

    lanes: Sequence[Lane]
    seed: int
    counts: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    _stop: threading.Event = field(factory=threading.Event)
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, seconds: float, kill_every: float = 2.0) -> list[Reading]:
        """Run for so long; a reading for each thirtieth of it."""
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(THREADS)]
        threads.append(threading.Thread(target=self._kill, args=(kill_every,)))
        for thread in threads:
            thread.start()
        readings = []
        for _ in range(30):
            time.sleep(seconds / 30)
            readings.append(Reading.now())
        self._stop.set()
        for thread in threads:
            thread.join()
        return readings

    def _work(self, number: int) -> None:
        source = np.random.default_rng([self.seed, number])
        while not self._stop.is_set():
            lane = self.lanes[int(source.integers(len(self.lanes)))]
            batch = lane.longest if lane.fixed else int(source.integers(1, lane.longest + 1))
            x = source.normal(size=(batch, WIDTH)).astype(np.float32)
            self._count(lane, *_outcome(lane, x))

    def _count(self, lane: Lane, word: str, told: str) -> None:
        with self._lock:
            self.counts[f"{lane.name}: {word}"] += 1
            if word == "wrong":
                self.wrong.append(f"{lane.name}: {told}")

    def _kill(self, every: float) -> None:
        kill_workers(self.seed, every, self._stop, self.counts)


def kill_workers(seed: int, every: float, stop: threading.Event, counts: Counter[str]) -> None:
    """End a worker at random about every so many seconds, and count it, until `stop`."""
    source = random.Random(seed)
    while not stop.wait(every * source.uniform(0.5, 1.5)):
        workers = [child for child in psutil.Process().children() if is_worker(child)]
        if workers:
            with suppress(psutil.Error):
                source.choice(workers).send_signal(signal.SIGKILL)
                counts["workers killed"] += 1


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is a backend's worker."""
    try:
        return any("isolation" in word for word in process.cmdline())
    except psutil.Error:
        return False


def _outcome(lane: Lane, x: np.ndarray[Any, Any]) -> tuple[str, str]:
    """What a run came to: right, a typed error by its class, or wrong."""
    try:
        made = lane.session.run({"x": x})["y"]
    except zif.ZifError as error:
        return type(error).__name__, ""
    except BaseException as error:
        return "wrong", repr(error)
    right = np.tanh(np.maximum(x, 0) @ WEIGHTS)
    if made.shape != right.shape:
        return "wrong", f"shape {made.shape} for {right.shape}"
    off = float(np.abs(made - right).max())
    return ("right", "") if off <= lane.tolerance else ("wrong", f"off by {off}")


def grown(readings: Sequence[Reading]) -> list[str]:
    """What grew from the second third to the last one, by more than what comes and goes explains.

    Of workers the largest counts, since most are young: they are killed.
    """
    third = len(readings) // 3
    before, after = readings[third : 2 * third], readings[2 * third :]
    told = []
    rules = (("memory", 8.0), ("worker", 24.0), ("descriptors", 12.0), ("shared", 3.0), ("threads", 12.0))
    for name, slack in rules:
        middle = max if name == "worker" else np.median
        first, last = (float(middle([getattr(row, name) for row in rows])) for rows in (before, after))
        if last > first * 1.03 + slack:
            told.append(f"{name} grew from {first:.0f} to {last:.0f}")
    return told


def lanes(stack: ExitStack, chip: str = "") -> list[Lane]:
    """The sessions, open until the stack is closed."""
    here = stack.enter_context(zif.load(model("n"), only=["qnn_cpu"]))
    apart = stack.enter_context(zif.load(model("n"), only=["qnn_cpu"], isolate=True))
    made = [Lane("here", here, LONGEST, 1e-5), Lane("in a worker", apart, LONGEST, 1e-5)]
    if chip:
        emulated = stack.enter_context(zif.load(model(8), chip, pin={"*": "qnn_htp"}))
        made.append(Lane(f"qnn_htp for {chip}", emulated, 8, 2e-2, fixed=True))
    return made


def soak(seconds: float, seed: int, chip: str = "", kill_every: float = 2.0) -> tuple[Counter[str], list[str]]:
    """Run for so long: what was counted, and everything that must not be."""
    with ExitStack() as stack:
        run = Soak(lanes(stack, chip), seed)
        readings = run.run(seconds, kill_every)
    problems = [*run.wrong, *grown(readings)]
    first, last = readings[len(readings) // 3], readings[-1]
    held = (
        f"memory {first.memory:.0f} → {last.memory:.0f} MiB",
        f"descriptors {first.descriptors} → {last.descriptors}",
    )
    print(*held, f"shared memory {first.shared} → {last.shared}", sep=", ")
    return run.counts, problems


def main() -> None:
    """Run, print what was counted, exit with 1 for anything that must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2), "big"))
    parser.add_argument("--chip", default="", help="with a session on the emulator for this chip")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes")
    counts, problems = soak(arguments.minutes * 60, arguments.seed, arguments.chip)
    for name, count in sorted(counts.items()):
        print(f"{count:9,}  {name}")
    for problem in problems[:20]:
        print(f"BAD: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
