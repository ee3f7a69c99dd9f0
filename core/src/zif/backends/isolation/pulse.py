"""Whether a process does anything: the processor time that it has used.

A heartbeat thread in the worker would stop whenever native code holds the interpreter lock, which compilers do for
minutes, and would go on beating through a deadlock in native code. The kernel's clock has neither fault.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def cpu_seconds(pid: int) -> float | None:
    """Processor seconds that process `pid` has used so far; None when this system does not tell."""
    if sys.platform == "win32":
        return _windows(pid)
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()  # the name, in parentheses, may hold anything
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None if stat.parent.parent.joinpath("self").exists() else _ps(pid)


def _ps(pid: int) -> float | None:
    try:
        done = subprocess.run(["ps", "-o", "cputime=", "-p", str(pid)], capture_output=True, text=True, check=True)
        seconds = 0.0
        for part in done.stdout.strip().replace("-", ":").split(":"):
            seconds = seconds * 60 + float(part)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return seconds


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    def _windows(pid: int) -> float | None:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return None
        times = [wintypes.FILETIME() for _ in range(4)]
        try:
            if not kernel.GetProcessTimes(wintypes.HANDLE(handle), *map(ctypes.byref, times)):
                return None
        finally:
            kernel.CloseHandle(wintypes.HANDLE(handle))
        return sum((t.dwHighDateTime << 32) + t.dwLowDateTime for t in times[2:]) / 1e7
