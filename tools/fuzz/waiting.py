"""How the process of a command comes to its end: waited for, disturbed meanwhile, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tools.fuzz import machine

#: Seconds after which whoever still sleeps is stuck.
STUCK = 240


def waited(child: int, fault: Any = None) -> dict[str, Any]:
    """How it ended, what it took, and whether it left processes behind."""
    kind, amount = fault or ("", 0)
    if kind.startswith("SIG") or kind in ("stop", "worker"):
        time.sleep(amount / 1000)
        with suppress(ProcessLookupError):  # it may have ended before
            send(child, kind)
    end, pause = time.monotonic() + STUCK, 0.001
    while not (ended := os.wait4(child, os.WNOHANG))[0]:
        if kind == "EINTR":
            os.kill(child, machine.INTERRUPT)
            pause = amount / 1e6
        time.sleep(pause)
        pause = min(0.02, pause * 1.3)
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            end = float("inf")
            pause = 0.02
    _, status, used = ended
    return {
        "code": os.waitstatus_to_exitcode(status),
        "cpu": round(used.ru_utime + used.ru_stime, 2),
        "megabytes": used.ru_maxrss // 1024,
        "stuck": end == float("inf"),
        "orphans": orphans(),
    }


def send(child: int, kind: str) -> None:
    """Disturb a process: by a signal, by stopping it for a while, or by killing a process that it started."""
    if kind == "stop":
        os.kill(child, signal.SIGSTOP)
        time.sleep(1.5)
        os.kill(child, signal.SIGCONT)
    elif kind == "worker":
        with suppress(OSError):
            for word in Path(f"/proc/{child}/task/{child}/children").read_text().split()[:1]:
                os.kill(int(word), signal.SIGKILL)
    else:
        os.kill(child, getattr(signal, kind))


def orphans() -> int:
    """Processes that came to us because their parent went before them; they have some seconds to go, too."""
    end = time.monotonic() + 5
    while True:
        try:
            gone, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if not gone:
            if time.monotonic() > end:
                return ended_by_force()
            time.sleep(0.05)


def ended_by_force() -> int:
    """End them; how many they were."""
    with open(f"/proc/self/task/{os.getpid()}/children") as stream:
        left = [int(word) for word in stream.read().split()]
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return len(left)
