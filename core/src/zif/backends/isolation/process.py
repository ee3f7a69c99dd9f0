"""Starting a worker's process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from multiprocessing import connection
from pathlib import Path

from zif.backends.isolation.channel import Channel
from zif.backends.isolation.log import Log
from zif.errors import BackendUnavailable
from zif.files.processes import interpreter


def start(log: Log, scratch: Path | None, elsewhere: str = "") -> tuple[subprocess.Popen[bytes], Channel]:
    """A fresh interpreter that runs the worker's loop, and the channel to it. Raises BackendUnavailable.

    elsewhere: the environment whose interpreter that is; this process's own without.

    A fresh one: a fork of a process in which an engine works may hang, and multiprocessing would import the host's
    __main__. In a session of its own, so that Ctrl-C in the terminal reaches only the host, which then ends the worker.
    """
    try:
        python, environment = interpreter(elsewhere)
        if scratch is not None:
            environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
        command = [python, "-u", "-P", "-m", "zif.backends.isolation.child"]
        return (_windows if sys.platform == "win32" else _posix)(log, command, environment)
    except OSError as error:
        why = f"cannot start a worker process: {error}. Free memory or end other processes, and try again."
        raise BackendUnavailable(why) from error


def _posix(log: Log, command: list[str], environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], Channel]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(True)
        process = subprocess.Popen(
            [*command, str(theirs.fileno())],
            stdin=subprocess.PIPE,
            stdout=log.fileno(),
            stderr=log.fileno(),
            env=environment,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        return process, Channel(connection.Connection(ours.detach()))


def _windows(log: Log, command: list[str], environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], Channel]:
    key = os.urandom(32)
    with connection.Listener(family="AF_PIPE", authkey=key) as listener:
        process = subprocess.Popen(
            [*command, str(listener.address)],
            stdin=subprocess.PIPE,
            stdout=log.fileno(),
            stderr=log.fileno(),
            env={**environment, "ZIF_WORKER_KEY": key.hex()},
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        return process, Channel(listener.accept())
