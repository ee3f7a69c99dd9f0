"""What a machine does to a process when it fails: less room, a disk that answers with errors, signals, a wrong clock.

Run in the process that becomes a command, by `server`. The faults are the system's own and hold for what it starts,
except for the clocks, which are Python's.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import threading
import time

_DROP, _NO_NEW_PRIVILEGES = 24, 38
#: What lets root write everywhere and read everything, whatever a mode says.
_OVERRIDES = (1, 2)
#: By machine: its number for filters, that of seccomp, and of what a broken disk refuses. Not what Python reads itself
#: from, which nobody can answer for, nor what is taken away: then nothing can be cleaned up.
_CALLS: dict[str, tuple[int, int, tuple[dict[str, int], ...]]] = {
    "x86_64": (
        0xC000003E,
        317,
        (
            {"fsync": 74, "fdatasync": 75},
            {"rename": 82, "renameat": 264, "renameat2": 316},
            {"write": 1, "pwrite64": 18, "writev": 20, "sendfile": 40, "copy_file_range": 326},
            {"mkdir": 83, "mkdirat": 258, "ftruncate": 77},
            {"link": 86, "linkat": 265, "symlink": 88, "fchmod": 91},
        ),
    ),
    "aarch64": (
        0xC00000B7,
        277,
        (
            {"fsync": 82, "fdatasync": 83},
            {"renameat": 38, "renameat2": 276},
            {"write": 64, "pwrite64": 68, "writev": 66, "sendfile": 71, "copy_file_range": 285},
            {"mkdirat": 34, "ftruncate": 46},
            {"linkat": 37, "symlinkat": 36, "fchmod": 52},
        ),
    ),
}
#: Whether this machine's calls are known, without which no disk can be broken here.
KNOWN = platform.machine() in _CALLS
#: Groups of calls, one of which fails.
GROUPS = 5
#: A signal whose handler does nothing, sent over and over: every call that waits is interrupted by it.
INTERRUPT = signal.SIGUSR1
_LOAD, _EQUAL, _AT_LEAST, _ANSWER = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_FILTER, _EVERY_THREAD = 1, 1


def failing(kind: str, amount: int) -> None:
    """Let the system refuse this process room in files, descriptors or memory beyond an amount, or lie to it."""
    if kind == "space":
        resource.setrlimit(resource.RLIMIT_FSIZE, (amount, amount))
    elif kind == "descriptors":
        resource.setrlimit(resource.RLIMIT_NOFILE, (amount, amount))
    elif kind == "memory":
        with open("/proc/self/statm") as stream:
            pages = int(stream.read().split()[0])
        most = pages * resource.getpagesize() + (amount << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    elif kind == "read-only":
        unprivileged()
    elif kind == "clock":
        time.time, time.time_ns = (lambda: float(amount)), (lambda: amount * 10**9)
    elif kind == "leap":
        leap(*divmod(amount, 1000))
    elif kind == "EIO":
        later(amount // GROUPS, amount % GROUPS)
    elif kind == "EINTR":  # the signals are sent by whoever waits for it
        signal.signal(INTERRUPT, lambda *_: None)
        signal.siginterrupt(INTERRUPT, True)


def unprivileged() -> None:
    """Let the modes of folders hold for root, too: in this process and all that it starts."""
    libc = ctypes.CDLL(None)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    for capability in _OVERRIDES:
        libc.prctl(_DROP, capability, 0, 0, 0)
        for place in range(3):
            sets[place] &= ~(1 << capability)
    libc.capset(header, sets)


def leap(seconds: int, calls: int) -> None:
    """After so many looks, every clock is so many seconds further, as after a machine was asleep."""
    looks = [calls]

    def leaping(clock: object, unit: int) -> object:
        def now() -> object:
            looks[0] -= 1
            return clock() + (seconds * unit if looks[0] < 0 else 0)  # type: ignore[operator]

        return now

    for name, unit in (("time", 1), ("monotonic", 1), ("perf_counter", 1)):
        setattr(time, name, leaping(getattr(time, name), unit))
        setattr(time, f"{name}_ns", leaping(getattr(time, f"{name}_ns"), unit * 10**9))


def later(milliseconds: int, group: int) -> None:
    """From some time on, let a group of calls answer EIO: in every thread, and in what is started from then."""
    thread = threading.Timer(milliseconds / 1000, lambda: broken(group))
    thread.daemon = True
    thread.start()


def broken(group: int) -> None:
    """Let a group of calls answer EIO from now on. Writes to the standard streams go on.

    Raises OSError where filters are not to be had.
    """
    machine, seccomp, groups = _CALLS[platform.machine()]
    numbers = sorted(groups[group].values())
    program = _program(machine, numbers, only_files=group == 2)
    code = b"".join(struct.pack("<HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    head = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.syscall(seccomp, _FILTER, _EVERY_THREAD, head):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _program(machine: int, numbers: list[int], only_files: bool) -> list[tuple[int, int, int, int]]:
    """Berkeley's filter: another machine's calls pass, one of ours in the list answers EIO."""
    tail: list[tuple[int, int, int, int]] = [(_ANSWER, 0, 0, _ALLOW), (_ANSWER, 0, 0, _ERRNO | errno.EIO)]
    if only_files:  # the descriptor is the first argument
        tail = [(_ANSWER, 0, 0, _ALLOW), (_LOAD, 0, 0, 16), (_AT_LEAST, 0, 1, 3), (_ANSWER, 0, 0, _ERRNO | errno.EIO)]
        tail.append((_ANSWER, 0, 0, _ALLOW))
    tests = [(_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    return [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine), (_ANSWER, 0, 0, _ALLOW), (_LOAD, 0, 0, 0), *tests, *tail]
