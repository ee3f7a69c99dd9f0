"""How long somebody may take to answer, by what it does and not by the clock on the wall.

On a busy machine a second of work takes many. So what counts is the processor time that was used, and the time in which
nothing was done although it could have been: who waits for a processor (which Linux tells) or for the interpreter that
another thread holds, and who was stopped with this whole process, loses nothing by it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from zif.errors import UsageError

#: Who used less than this share of a time has done nothing in it: sleeping in a loop is no work.
SHARE = 0.02
#: So many times its allowance anybody gets altogether, whatever it does.
GENEROUS = 10


#: Environment variable with the seconds of work that a backend has to be imported and to say what it is; the default.
ENVIRONMENT, SECONDS = "ZIF_DEADLINE", 10.0


def deadline() -> float:
    """Seconds that a backend has to answer. Raises UsageError when ZIF_DEADLINE is no positive number."""
    text = os.environ.get(ENVIRONMENT, "")
    try:
        seconds = float(text) if text else SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise UsageError(f"{ENVIRONMENT}={text}: must be a positive number of seconds")
    return seconds


class Spent(NamedTuple):
    """Seconds so far: of processor time, and of waiting for a processor while ready to run."""

    cpu: float
    waited: float = 0.0


class Patience:
    """Watches one that was asked.

    busy: seconds of processor time that it may use; None: any. idle: seconds that it may do nothing; None: any.
    step: seconds after which to look again; one that took longer to come about counts as no more than twice that.
    """

    def __init__(self, busy: float | None, idle: float | None, meter: Callable[[], Spent | None]) -> None:
        self.busy, self.idle = busy, idle
        self.step = min([1.0, *(limit / 8 for limit in (busy, idle) if limit is not None)])
        self._meter = meter
        self._begin = self._last = self._mark = meter() or Spent(0.0)
        self._own = self._quiet = 0.0

    def over(self, passed: float) -> str:
        """After a step of `passed` seconds by the clock: "" or how patience came to its end.

        "busy", "idle", or "long" for one that always does something and never answers.
        """
        now = self._meter()
        if now is None:  # nobody tells: then the clock on the wall has to do
            now = Spent(self._last.cpu)
        waited = max(0.0, now.waited - self._last.waited)
        own = max(0.0, min(passed, 2 * self.step) - waited)
        self._last = now
        self._own += own
        self._quiet += own
        if now.cpu - self._mark.cpu > SHARE * self._quiet:
            self._mark, self._quiet = now, 0.0
        if self.busy is not None and now.cpu - self._begin.cpu >= self.busy:
            return "busy"
        if self.idle is not None and self._quiet >= self.idle:
            return "idle"
        return "long" if self.busy is not None and self._own >= GENEROUS * self.busy else ""


def of_thread(native: int) -> Callable[[], Spent | None]:
    """A meter of one thread of this process, by its native number, with the processes that this one started."""
    with_children = _with_children(os.getpid())

    def meter() -> Spent | None:
        own = _thread_seconds(native)
        return None if own is None else Spent(with_children(own), _waited(Path(f"/proc/self/task/{native}")))

    return meter


def of_process(pid: int) -> Callable[[], Spent | None]:
    """A meter of a process with all that it started."""
    with_children = _with_children(pid)

    def meter() -> Spent | None:
        import psutil

        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            return None
        tasks = Path(f"/proc/{pid}/task")
        waited = 0.0
        with suppress(OSError):
            waited = sum(map(_waited, tasks.iterdir()))
        return Spent(with_children(times.user + times.system), waited)

    return meter


def _with_children(pid: int) -> Callable[[float], float]:
    """A function that adds to the seconds of one those of all that the process started, ended or not, from now on.

    To look for those takes a while, so that is done only when the one itself does nothing: it may wait for them.
    """
    seen: dict[int, float] = {}
    _look(pid, seen)
    before, last = sum(seen.values()), -1.0

    def total(own: float) -> float:
        nonlocal last
        if own == last:
            _look(pid, seen)
        last = own
        return own + sum(seen.values()) - before

    return total


def _look(pid: int, seen: dict[int, float]) -> None:
    import psutil

    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                times = child.cpu_times()
                seen[child.pid] = max(seen.get(child.pid, 0.0), times.user + times.system)


def _thread_seconds(native: int) -> float | None:
    import psutil

    with suppress(psutil.Error):
        for thread in psutil.Process().threads():
            if thread.id == native:
                return float(thread.user_time + thread.system_time)
    return None


def _waited(task: Path) -> float:
    """Seconds that a thread waited for a processor; 0 where the system does not tell."""
    try:
        return int((task / "schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
