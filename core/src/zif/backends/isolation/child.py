"""The worker process: one backend plugin, asked over a socket.

Started as `python -m zif.backends.isolation.child ADDRESS`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from zif.backends.abilities import abilities
from zif.backends.isolation.channel import Channel
from zif.backends.isolation.messages import Failure, Hello, Loaded
from zif.errors import StageFailed, ZifError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from zif.backends.backend import Backend
    from zif.records import Executable


class Server:
    """Answers the host's requests with one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._loaded: dict[int, Executable] = {}
        self._count = 0

    def answer(self, stage: str, *args: Any) -> Any:
        """Do what the request says. Raises whatever the backend raises."""
        if stage in ("capabilities", "convert", "compile"):
            return getattr(self._backend, stage)(*args)
        return getattr(self, f"_{stage}")(*args)

    def _load(self, compiled: Any, options: Any, shared: bool) -> Loaded:
        executable = self._backend.load(compiled, options, shared=shared)
        self._count += 1
        self._loaded[self._count] = executable
        notes = getattr(executable, "notes", None)
        return Loaded(self._count, abilities(executable), None if notes is None else tuple(notes))

    def _run(self, handle: int, inputs: Any) -> Any:
        executable = self._loaded[handle]
        if "execute" in self._backend.stages:
            return self._backend.execute(executable, inputs)
        return executable.run(inputs)

    def _profile(self, handle: int) -> Any:
        return self._loaded[handle].profile()  # type: ignore[attr-defined]

    def _unit_times(self, handle: int, inputs: Any, runs: int) -> Any:
        return self._loaded[handle].unit_times(inputs, runs)  # type: ignore[attr-defined]

    def _unload(self, handle: int) -> None:
        executable = self._loaded.pop(handle, None)
        if executable is not None:
            executable.close()

    def close(self) -> None:
        """Close what is still loaded; the host is gone or going."""
        for handle in list(self._loaded):
            with contextlib.suppress(BaseException):  # one that fails, however, keeps none of the others open
                self._unload(handle)


def serve(channel: Channel) -> None:
    """Answer until the host hangs up."""
    try:
        hello: Hello = channel.receive(copy=True)
        _settle(hello)
        server = _open(hello)
        channel.send(server if isinstance(server, Failure) else None)
    except (EOFError, OSError):
        return
    while isinstance(server, Server):
        try:
            directory, stage, args = channel.receive(copy=False)
        except (EOFError, OSError):
            server.close()
            return
        if directory:
            with contextlib.suppress(OSError):
                os.chdir(directory)
        _reply(channel, stage, _attempt(server, stage, args))
        args = None  # the next message overwrites the arrays in it


def _settle(hello: Hello) -> None:
    """Look for modules where the host does; give our own children the host's PYTHONPATH, not the one we came with."""
    sys.path[:] = hello.path
    os.environ.pop("PYTHONPATH", None)
    if hello.pythonpath is not None:
        os.environ["PYTHONPATH"] = hello.pythonpath


def _open(hello: Hello) -> Server | Failure:
    from zif.backends.backend import Backend

    try:
        return Server(Backend.open(hello.info))
    except Exception as error:
        return _failure(error)


def _attempt(server: Server, stage: str, args: tuple[Any, ...]) -> Any:
    try:
        return server.answer(stage, *args)
    except Exception as error:
        return _failure(error)


def _reply(channel: Channel, stage: str, answer: Any) -> None:
    try:
        channel.send(answer, arrays=stage == "run")
    except OSError:
        raise SystemExit(0) from None  # the host is gone
    except Exception as error:  # what cannot be pickled
        channel.send(_failure(error))


def _failure(error: Exception) -> Failure:
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, ZifError):
        with contextlib.suppress(Exception):
            again = pickle.loads(pickle.dumps(error))
            if type(again) is type(error) and str(again) == str(error):
                return Failure(error, trace)
    return Failure(StageFailed(str(error).strip() or type(error).__name__), trace, foreign=True)


def _die_with_host() -> None:
    """stdin is a pipe that nobody writes to: its end is the end of the host, however it died.

    The kernel's signal works even while native code holds the interpreter lock; the thread works everywhere.
    (PR_SET_PDEATHSIG would fire when the *thread* that started us ends.)
    """
    line = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    threading.Thread(target=_wait_for_end, args=(line,), daemon=True, name="zif-host-watch").start()
    if sys.platform != "win32":
        import fcntl

        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(line, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(line, fcntl.F_SETFL, fcntl.fcntl(line, fcntl.F_GETFL) | os.O_ASYNC)


def _wait_for_end(line: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(line, 1):
            pass
    os._exit(0)


def _connect(address: str) -> Connection:
    from multiprocessing import connection

    if sys.platform == "win32":
        key = bytes.fromhex(os.environ.pop("ZIF_WORKER_KEY"))
        return connection.Client(address, family="AF_PIPE", authkey=key)
    os.set_inheritable(int(address), False)
    return connection.Connection(int(address))


def main() -> None:
    """Entry point of the worker process."""
    faulthandler.enable()
    _die_with_host()
    serve(Channel(_connect(sys.argv[1])))


if __name__ == "__main__":
    main()
