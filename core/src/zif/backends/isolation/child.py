"""The worker process: one backend plugin, or whatever else has a role here, asked over a socket.

Started as `python -m zif.backends.isolation.child ADDRESS`, by the host's interpreter or that of an environment.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from zif.backends.abilities import abilities
from zif.backends.isolation.channel import Channel
from zif.backends.isolation.codec import PROTOCOL, CannotCross, crosses, encoded
from zif.backends.isolation.described import Refused, checked, described, precisions, remarks
from zif.backends.isolation.messages import Failure, Given, Hello, Loaded, Opaque, Welcome
from zif.backends.isolation.trial import TrialServer
from zif.errors import BackendBroken, StageFailed, ZifError
from zif.records import Target

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from zif.records import Executable, Stage


class BackendServer:
    """Answers the host's requests with one backend for one target."""

    def __init__(self, hello: Hello) -> None:
        from zif.backends.backend import Backend

        self._backend = Backend.open(hello.spec)
        self._target: Target = hello.target or Target("host")
        self._kind: type[Any] | None = None
        self._loaded: dict[int, Executable] = {}
        self._count = 0

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The hooks that the plugin has."""
        return self._backend.stages

    def answer(self, stage: str, *args: Any) -> Any:
        """Do what the request says. Raises whatever the backend raises."""
        return getattr(self, f"_{stage}")(*args)

    def _capabilities(self, target: Target, model: Any) -> Any:
        answer = self._backend.capabilities(target, model)
        if model is None:
            self._kind = answer.options
        told: Any = described(answer.options)
        return attrs.evolve(answer, options=told)

    def _options(self, option_values: Given) -> Any:
        options = self._checked(option_values)
        return options if isinstance(options, Refused) else precisions(options)

    def _remarks(self, option_values: Given, target: Target, kind: Any) -> Any:
        options = self._checked(option_values)
        return options if isinstance(options, Refused) else remarks(options, target, kind)

    def _convert(self, model: Any, target: Target, options: Given) -> Any:
        converted = self._backend.convert(model, target, self._built(options))
        return attrs.evolve(converted, data=_crossing(converted.data))

    def _compile(self, converted: Any, target: Target, options: Given) -> Any:
        if isinstance(converted.data, Opaque):
            converted = attrs.evolve(converted, data=pickle.loads(converted.data.content))  # what we pickled ourselves
        return self._backend.compile(converted, target, self._built(options))

    def _load(self, compiled: Any, options: Given, shared: bool) -> Loaded:
        executable = self._backend.load(compiled, self._built(options), shared=shared)
        self._count += 1
        self._loaded[self._count] = executable
        notes = getattr(executable, "notes", None)
        offered = tuple(sorted(protocol.__name__ for protocol in abilities(executable)))
        return Loaded(self._count, offered, None if notes is None else tuple(notes))

    def _run(self, handle: int, inputs: Any) -> Any:
        executable = self._loaded[handle]
        if "execute" in self._backend.stages:
            return self._backend.execute(executable, inputs)
        return executable.run(inputs)

    def _profile(self, handle: int) -> Any:
        return self._loaded[handle].profile()  # type: ignore[attr-defined]

    def _unit_times(self, handle: int, inputs: Any, runs: int) -> Any:
        return self._loaded[handle].unit_times(inputs, runs)  # type: ignore[attr-defined]

    def _operators(self, handle: int, inputs: Any, runs: int) -> Any:
        return self._loaded[handle].operators(inputs, runs)  # type: ignore[attr-defined]

    def _unload(self, handle: int) -> None:
        executable = self._loaded.pop(handle, None)
        if executable is not None:
            executable.close()

    def _checked(self, options: Given) -> Any:
        if self._kind is None:
            self._kind = self._backend.capabilities(self._target).options
        return checked(self._kind, options.values)

    def _built(self, option_values: Given) -> Any:
        options = self._checked(option_values)
        if isinstance(options, Refused):
            raise ValueError(options.text)
        return options

    def close(self) -> None:
        """Close what is still loaded; the host is gone or going."""
        for handle in list(self._loaded):
            with contextlib.suppress(BaseException):  # one that fails, however, keeps none of the others open
                self._unload(handle)


class ChecksServer:
    """Answers what the distributions here say of the state of their engines."""

    stages: tuple[Stage, ...] = ()

    def __init__(self, hello: Hello) -> None:
        self._spec = hello.spec

    def answer(self, stage: str, *args: Any) -> Any:
        """Every check, or those of one entry point."""
        from zif.backends.checks import GROUP, asked, checks
        from zif.files.installed import points

        if stage == "check":
            return tuple(
                check for point in points(GROUP) if [point.name, point.value] == list(args) for check in asked(point)
            )
        return checks()

    def close(self) -> None:
        """Nothing is open."""


#: Who serves which role: made from the host's `Hello`, with `stages`, `answer(stage, *args)` and `close()`.
ROLES: Mapping[str, Callable[[Hello], Any]] = {
    "backend": BackendServer,
    "checks": ChecksServer,
    "trial": TrialServer,
}


def serve(channel: Channel) -> None:
    """Answer until the host hangs up."""
    try:
        hello: Hello = channel.receive(copy=True)
        _settle(hello)
        server = _open(hello)
        channel.send(server if isinstance(server, Failure) else Welcome(_version(), server.stages))
    except (EOFError, OSError):
        return
    while not isinstance(server, Failure):
        try:
            directory, stage, args = channel.receive(copy=False)
        except CannotCross as error:
            channel.send(Failure(StageFailed(f"what it was handed did not arrive: {error}"), foreign=True))
            continue
        except (EOFError, OSError):
            server.close()
            return
        if directory:
            with contextlib.suppress(OSError):
                os.chdir(directory)
        _reply(channel, _attempt(server, stage, args))
        args = None  # the next message overwrites the arrays in it


def _settle(hello: Hello) -> None:
    """Look for modules where the host does; give our own children the host's PYTHONPATH, not the one we came with."""
    if hello.path is not None:
        sys.path[:] = hello.path
    os.environ.pop("PYTHONPATH", None)
    if hello.pythonpath is not None:
        os.environ["PYTHONPATH"] = hello.pythonpath


def _open(hello: Hello) -> Any:
    if hello.protocol != PROTOCOL:
        return Failure(BackendBroken(f"its zif {_version()} speaks protocol {PROTOCOL}, and this one {hello.protocol}"))
    try:
        return ROLES[hello.role](hello)
    except Exception as error:
        return _failure(error)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("zif")
    except PackageNotFoundError:  # a source tree on sys.path
        return "0.0.0"


def _crossing(data: Any) -> Any:
    """What the plugin's own `compile` wants, so that it comes back the same: what is no plain data is pickled."""
    if crosses(data):
        return data
    return Opaque(type(data).__qualname__, pickle.dumps(data, 5))


def _attempt(server: Any, stage: str, args: tuple[Any, ...]) -> Any:
    try:
        return server.answer(stage, *args)
    except Exception as error:
        return _failure(error)


def _reply(channel: Channel, answer: Any) -> None:
    try:
        buffers = encoded(answer)
    except (CannotCross, RecursionError) as error:
        buffers = encoded(
            Failure(StageFailed(f"what it returned cannot cross to another process: {error}"), foreign=True)
        )
    try:
        channel.post(buffers)
    except OSError:
        raise SystemExit(0) from None  # the host is gone


def _failure(error: Exception) -> Failure:
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, ZifError):
        failure = Failure(error, trace)
        with contextlib.suppress(Exception):
            encoded(failure)
            return failure
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


def run(channel: Channel) -> None:
    """Be a worker until the host hangs up or dies; standard input is its line to that."""
    faulthandler.enable(2)
    _die_with_host()
    serve(channel)


def main() -> None:
    """Entry point of the worker process."""
    run(Channel(_connect(sys.argv[1])))


if __name__ == "__main__":
    main()
