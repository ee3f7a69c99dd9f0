"""Starting a worker's process, and saying how it ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from multiprocessing import connection, spawn
from pathlib import Path

from zif.backends.isolation.channel import Channel
from zif.backends.isolation.log import Log
from zif.errors import BackendUnavailable


def start(log: Log, scratch: Path | None) -> tuple[subprocess.Popen[bytes], Channel]:
    """A fresh interpreter that runs the worker's loop, and the channel to it. Raises BackendUnavailable.

    A fresh one: a fork of a process in which an engine works may hang, and multiprocessing would import the host's
    __main__. In a session of its own, so that Ctrl-C in the terminal reaches only the host, which then ends the worker.
    """
    try:
        return _windows(log, scratch) if sys.platform == "win32" else _posix(log, scratch)
    except OSError as error:
        why = f"cannot start a worker process: {error}. Free memory or end other processes, and try again."
        raise BackendUnavailable(why) from error


def ending(process: subprocess.Popen[bytes]) -> str:
    """How a process that hung up ended; ends it when it did not. Such as "died of SIGSEGV (segmentation fault)"."""
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "closed its connection without ending"
    if code >= 0:
        return f"ended by itself with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"died of signal {-code}"
    hint = ": out of memory, or ended by somebody" if name == "SIGKILL" else ""
    return f"died of {name} ({signal.strsignal(-code)}){hint}"


def _posix(log: Log, scratch: Path | None) -> tuple[subprocess.Popen[bytes], Channel]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(True)
        process = subprocess.Popen(
            _command(str(theirs.fileno())),
            stdin=subprocess.PIPE,
            stdout=log.fileno(),
            stderr=log.fileno(),
            env=_environment(scratch),
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        return process, Channel(connection.Connection(ours.detach()))


def _windows(log: Log, scratch: Path | None) -> tuple[subprocess.Popen[bytes], Channel]:
    key = os.urandom(32)
    with connection.Listener(family="AF_PIPE", authkey=key) as listener:
        process = subprocess.Popen(
            _command(str(listener.address)),
            stdin=subprocess.PIPE,
            stdout=log.fileno(),
            stderr=log.fileno(),
            env={**_environment(scratch), "ZIF_WORKER_KEY": key.hex()},
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        return process, Channel(listener.accept())


def _command(address: str) -> list[str]:
    python = spawn.get_executable()  # also right where sys.executable is a host that embeds Python and said so
    if not python:
        raise BackendUnavailable(
            "this program embeds Python and does not say where an interpreter is, so no worker process can be started: "
            "call multiprocessing.set_executable() first"
        )
    return [os.fsdecode(python), "-u", "-P", "-m", "zif.backends.isolation.child", address]


def _environment(scratch: Path | None) -> dict[str, str]:
    """The host's environment, with a PYTHONPATH that finds what the host finds; the worker puts the host's back."""
    here = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, *paths()]), "PYTHONIOENCODING": "utf-8:replace"}
    if scratch is not None:
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    return environment


def paths() -> tuple[str, ...]:
    """The host's sys.path, absolute."""
    return tuple(os.path.abspath(path) for path in sys.path if isinstance(path, str))
