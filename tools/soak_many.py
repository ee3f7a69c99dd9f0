"""Many sessions in one host: 24 threads over 8 places for sessions, which are loaded, run, rested and closed at random.

Every place holds a session of one of the KINDS, replaced now and then by whoever comes by, while others run on it.
Meanwhile workers are killed. Every output is held against numpy; what must hold is that every run gives the right
numbers or a typed error, and that memory, descriptors, threads and shared memory do not grow after the first third.
Last, a host of its own is killed with SIGKILL while it does the same: nothing of it may be left.

    python -m tools.soak_many [--minutes 30] [--seed 0]
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zif
from attrs import define, field

from tools.soak import LONGEST, WEIGHTS, WIDTH, Reading, grown, kill_workers, model

THREADS, PLACES = 24, 8
#: How far an output may be from numpy's.
TOLERANCE = 1e-5
#: Seconds in which everything of a killed host must be gone.
GONE_S = 30.0


def _apart(_: zif.Host) -> Any:
    return zif.load(model("n"), only="qnn_cpu", isolate=True)


def _in_two(_: zif.Host) -> Any:
    return zif.load(model("n"), pin={"product": "qnn_cpu", "relu": "reference", "tanh": "qnn_cpu"})


def _started(_: zif.Host) -> Any:
    return zif.load(model("n"), only="qnn_cpu", isolate=True, start="cpu")


def _hosted(host: zif.Host) -> Any:
    return host.load(model("n"), only="qnn_cpu", isolate=True, priority=random.randrange(3))


#: How a session is loaded, by what it is.
KINDS: Mapping[str, Callable[[zif.Host], Any]] = {
    "here": lambda _: zif.load(model("n"), only="qnn_cpu"),
    "in a worker": _apart,
    "in two segments": _in_two,
    "started on the CPU": _started,
    "hosted": _hosted,
}


@define
class Place:
    """Where a session is, and what it is."""

    kind: str = ""
    session: Any = None


@define
class Many:
    """Everything that runs, and what came of it."""

    seed: int
    host: zif.Host
    places: list[Place] = field(factory=lambda: [Place() for _ in range(PLACES)])
    counts: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    _stop: threading.Event = field(factory=threading.Event)
    _lock: threading.Lock = field(factory=threading.Lock)

    def run(self, seconds: float, kill_every: float = 3.0, threads: int = THREADS) -> list[Reading]:
        """Run for so long; a reading for each thirtieth of it, the last ones with every thread still at work."""
        working = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]
        working.append(threading.Thread(target=self._kill, args=(kill_every,)))
        for thread in working:
            thread.start()
        readings = []
        for _ in range(30):
            time.sleep(seconds / 30)
            readings.append(Reading.now())
        self._stop.set()
        for thread in working:
            thread.join()
        for place in self.places:
            if place.session is not None:
                place.session.close()
        return readings

    def _work(self, number: int) -> None:
        source = np.random.default_rng([self.seed, number])
        ways: Sequence[tuple[float, Callable[[Place, Any], None]]] = (
            (0.03, self._load),
            (0.05, self._rest),
            (0.09, self._many),
            (0.13, self._oddly),
            (1.0, self._once),
        )
        while not self._stop.is_set():
            place, drawn = self.places[int(source.integers(PLACES))], source.random()
            way = next(way for share, way in ways if drawn < share)
            (self._load if place.session is None else way)(place, source)

    def _load(self, place: Place, source: Any) -> None:
        """Another session in this place; the one that was there is closed, whoever runs on it."""
        kind = list(KINDS)[int(source.integers(len(KINDS)))]
        made = self._tried(kind, "load", lambda: KINDS[kind](self.host))
        if made is not None:
            with self._lock:
                before, place.session, place.kind = place.session, made, kind
            if before is not None:
                self._tried(kind, "close", before.close)

    def _rest(self, place: Place, _: Any) -> None:
        self._tried(place.kind, "rest", place.session.rest)

    def _oddly(self, place: Place, _: Any) -> None:
        """An input that does not fit must be refused as such."""
        try:
            place.session.run({"x": np.zeros((1, WIDTH + 1), np.float32)})
            self._note(place.kind, "wrong", "an input of another shape was taken")
        except zif.ZifError as error:
            self._note(place.kind, type(error).__name__)

    def _once(self, place: Place, source: Any) -> None:
        x = _drawn(source)
        made = self._tried(place.kind, "run", lambda: place.session.run({"x": x}))
        self._judge(place.kind, x, made)

    def _many(self, place: Place, source: Any) -> None:
        """Several runs in flight."""
        session, kind = place.session, place.kind
        rows = [_drawn(source) for _ in range(5)]
        with session.pipeline() as pipeline:
            futures = [self._tried(kind, "submit", lambda x=x: pipeline.submit({"x": x})) for x in rows]
            for x, future in zip(rows, futures, strict=True):
                if future is not None:
                    self._judge(kind, x, self._tried(kind, "pipeline", future.result))

    def _judge(self, kind: str, x: Any, made: Any) -> None:
        if made is None:
            return
        right, got = np.tanh(np.maximum(x, 0) @ WEIGHTS), made["y"]
        off = float(np.abs(got - right).max()) if got.shape == right.shape else float("inf")
        self._note(kind, "right" if off <= TOLERANCE else "wrong", f"off by {off}")

    def _tried(self, kind: str, doing: str, call: Callable[[], Any]) -> Any:
        """What a call gives; None for a typed error. Anything else is noted as wrong."""
        try:
            return call()
        except zif.ZifError as error:
            self._note(kind, f"{type(error).__name__} in {doing}")
        except BaseException as error:
            self._note(kind, "wrong", f"{doing}: {error!r}")
        return None

    def _note(self, kind: str, word: str, told: str = "") -> None:
        with self._lock:
            self.counts[f"{kind}: {word}"] += 1
            if word == "wrong":
                self.wrong.append(f"{kind}: {told}")

    def _kill(self, every: float) -> None:
        kill_workers(self.seed, every, self._stop, self.counts)


def _drawn(source: Any) -> Any:
    return source.normal(size=(int(source.integers(1, LONGEST + 1)), WIDTH)).astype(np.float32)


def many(seconds: float, seed: int, kill_every: float = 3.0, threads: int = THREADS) -> tuple[Counter[str], list[str]]:
    """Run for so long: what was counted, and everything that must not be."""
    from zif.backends.isolation import close_idle

    with zif.Host(give_way=True, idle=2.0) as host:
        run = Many(seed, host)
        readings = run.run(seconds, kill_every, threads)
        left = [session.name for session in host.sessions]
    close_idle()
    time.sleep(0.5)
    zombies = [
        child.pid for child in psutil.Process().children(recursive=True) if child.status() == psutil.STATUS_ZOMBIE
    ]
    problems = [*run.wrong, *grown(readings)]
    problems += [f"the host still has {left}"] if left else []
    problems += [f"{len(zombies)} zombies"] if zombies else []
    first, last = readings[len(readings) // 3], readings[-1]
    told = (f"{word} {getattr(first, word):.0f} → {getattr(last, word):.0f}" for word in Reading.words())
    print(", ".join(told))
    return run.counts, problems


def killed(seconds: float, seed: int) -> list[str]:
    """A host that does the same in a process of its own, killed with SIGKILL: what is left of it."""
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    command = [sys.executable, "-m", "tools.soak_many", "--minutes", "60", "--seed", str(seed), "--alone"]
    host = subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    workers = _workers_of(host.pid, seconds)
    host.kill()
    host.wait()
    if not workers:
        return ["the host that was killed had no workers: nothing was tried"]
    _, alive = psutil.wait_procs(workers, timeout=GONE_S)
    after = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    problems = [
        f"process {process.pid} outlived its host" for process in alive if process.status() != psutil.STATUS_ZOMBIE
    ]
    return problems + [f"/dev/shm/{name} was left" for name in sorted(after - before) if "zif" in name]


def _workers_of(pid: int, seconds: float) -> list[psutil.Process]:
    """Every process of a host, once it has run for so long and has any."""
    end = time.monotonic() + seconds
    processes: list[psutil.Process] = []
    while time.monotonic() < end or (not processes and time.monotonic() < end + GONE_S):
        time.sleep(0.2)
        with suppress(psutil.Error):
            processes = psutil.Process(pid).children(recursive=True)
    return processes


def main() -> None:
    """Run, print what was counted, exit with 1 for anything that must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2), "big"))
    parser.add_argument("--alone", action="store_true", help="without the host that is killed")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes, {THREADS} threads, {PLACES} sessions")
    faulthandler.dump_traceback_later(arguments.minutes * 90 + 300, exit=True)  # whoever hangs says where
    counts, problems = many(arguments.minutes * 60, arguments.seed)
    for name, count in sorted(counts.items()):
        print(f"{count:9,}  {name}")
    if not arguments.alone:
        problems += killed(20.0, arguments.seed)
    for problem in problems[:20]:
        print(f"BAD: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
