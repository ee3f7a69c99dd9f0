"""A worker that is a copy of this process, where that is safe: it starts at once, with everything imported already.

A copy of a process has one thread. Where others ran, what they held stays held for ever; so a process is copied only
while it has one thread, native ones counted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from multiprocessing import connection
from typing import TYPE_CHECKING, BinaryIO

from zif.backends.isolation.channel import Channel

if TYPE_CHECKING:
    from zif.backends.isolation.log import Log


def can_fork() -> bool:
    """Whether this process has one thread, on a system that says so."""
    if sys.platform != "linux":
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def forked(log: Log) -> tuple[ForkedProcess, Channel]:
    """A copy of this process that runs the worker's loop, and the channel to it. Raises OSError."""
    ours, theirs = socket.socketpair()
    inner, outer = os.pipe()
    for end in (ours, theirs):
        end.setblocking(True)
    pid = os.fork()
    if pid == 0:
        _become(theirs, inner, log)
    os.close(inner)
    theirs.close()
    return ForkedProcess(pid, os.fdopen(outer, "wb")), Channel(connection.Connection(ours.detach()))


def _become(theirs: socket.socket, stdin: int, log: Log) -> None:
    """In the copy: be a worker, and never come back."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(stdin, 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        from zif.backends.isolation import child

        child.run(Channel(connection.Connection(theirs.detach())))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class ForkedProcess:
    """What a worker needs of its process, as `subprocess.Popen` has it."""

    def __init__(self, pid: int, stdin: BinaryIO) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """As Popen.poll."""
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """As Popen.wait."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("worker", timeout or 0.0)
            time.sleep(0.002)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """As Popen.kill."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
