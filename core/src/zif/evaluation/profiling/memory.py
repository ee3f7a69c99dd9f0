"""What a session holds in memory: this process and the workers apart, now and at the most during the runs.

The most is the kernel's own count where it can be started anew (Linux); elsewhere it is since each process began, or
not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from attrs import Factory, frozen

from zif.backends.isolation.pool import living

_MIB = 2**20
#: What /proc/PID/clear_refs takes to set a process's peak to what it holds now.
_ANEW = "5"


@frozen
class Resident:
    """Resident memory of a process and of what it started, in MiB.

    rss_mb: after the runs. delta_mb: what it grew by during them. peak_mb: the most at once, None where the system does
    not tell.
    """

    rss_mb: float
    delta_mb: float
    peak_mb: float | None = None


@frozen
class MemoryProfile:
    """Resident memory of the host process and of each backend's worker.

    peak_since: "runs" where the peaks are those of the measured runs, "start" where they are those of the processes'
    lives, loading included, "" where nothing is known.
    """

    host: Resident
    workers: Mapping[str, Resident] = Factory(dict)
    peak_since: str = ""

    @property
    def rss_mb(self) -> float:
        """Everything together after the runs, in MiB."""
        return self.host.rss_mb + sum(worker.rss_mb for worker in self.workers.values())

    @property
    def delta_mb(self) -> float:
        """What everything together grew by during the runs, in MiB."""
        return self.host.delta_mb + sum(worker.delta_mb for worker in self.workers.values())

    @property
    def peak_mb(self) -> float | None:
        """At the most so much at once, in MiB: the peaks of all together, which need not have been at one time."""
        peaks = [memory.peak_mb for memory in (self.host, *self.workers.values())]
        known = [peak for peak in peaks if peak is not None]
        return sum(known) if len(known) == len(peaks) else None


class Watch:
    """Starts the peaks anew; `read` says what has been held since."""

    def __init__(self) -> None:
        groups = _groups()
        anew = [_start_anew(process.pid) for group in groups.values() for process in group]
        self._since = "runs" if all(anew) else "start"
        self._before = {name: _rss(group) for name, group in groups.items()}

    def read(self) -> MemoryProfile:
        """What this process and its workers hold now, and held at the most."""
        workers = {name: self._resident(name, group) for name, group in _groups().items()}
        host = workers.pop("")
        told = any(memory.peak_mb is not None for memory in (host, *workers.values()))
        return MemoryProfile(host, workers, self._since if told else "")

    def _resident(self, name: str, group: list[psutil.Process]) -> Resident:
        now = _rss(group)
        peaks = [peak for peak in map(_peak, group) if peak is not None]
        peak = max(sum(peaks), now) if len(peaks) == len(group) else None
        grown = now - self._before.get(name, 0.0)
        return Resident(round(now, 1), round(grown, 1), None if peak is None else round(peak, 1))


def _groups() -> dict[str, list[psutil.Process]]:
    """The processes by whom they work for: "" is this one with what it started itself, else a worker's backend."""
    this, workers = psutil.Process(), living()
    groups: dict[str, list[psutil.Process]] = {"": [this]}
    theirs: dict[int, str] = {}
    for pid, name in workers.items():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            members = [process, *process.children(recursive=True)]
            groups.setdefault(name, []).extend(members)
            theirs |= {member.pid: name for member in members}
    groups[""] += [child for child in this.children(recursive=True) if child.pid not in theirs]
    return groups


def _rss(group: list[psutil.Process]) -> float:
    total = 0
    for process in group:
        with suppress(psutil.Error):  # one that ended meanwhile
            total += process.memory_info().rss
    return total / _MIB


def _start_anew(pid: int) -> bool:
    """Whether the kernel counts the process's peak from now on."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text(_ANEW, encoding="ascii")
    except OSError:
        return False
    return True


def _peak(process: psutil.Process) -> float | None:
    """The most that a process has held, in MiB; None where the system does not tell."""
    with suppress(psutil.Error, OSError):
        own: Any = process.memory_info()
        if hasattr(own, "peak_wset"):  # Windows
            return float(own.peak_wset) / _MIB
        for line in Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None
