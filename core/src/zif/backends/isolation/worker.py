"""One worker process, seen from the host: asked, watched, and gone without harm to the host."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.backends.deadline import deadline
from zif.backends.isolation.codec import PROTOCOL, CannotCross, encoded
from zif.backends.isolation.log import Log
from zif.backends.isolation.messages import Failure, Hello, Welcome, WorkerTraceback
from zif.backends.isolation.process import start
from zif.backends.timeline import span
from zif.errors import BackendBroken, BackendCrashed, StageFailed, ZifError
from zif.files.patience import Patience, of_process
from zif.files.processes import ending, paths

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from zif.backends.isolation.channel import Channel
    from zif.backends.isolation.service import Service

_WORDS = {"run": "execute", "unload": "close", "options": "taking its options"}
_WORDS |= {"unit_times": "timing its units", "operators": "timing its operators"}
_WORDS |= {"remarks": "judging its options", "start": "import", "general": "capabilities"}
_WORDS |= {"model": "capabilities with a model"}
#: Seconds after which it is worth to look what a worker does that has not answered.
_SOON = 0.05


@frozen
class Limits:
    """When a worker counts as hung.

    deadline_s: seconds of processor time, or of none, that any one request may take; None waits, because compiling and
    emulating take as long as they take. silence_s: seconds without an answer in which the worker and what it started
    used no processor time to speak of, and waited for none; None never gives up.
    """

    deadline_s: float | None = None
    silence_s: float | None = 120.0


class Worker:
    """A process with one service. Requests of several threads take turns; any failure of the process ends it for good.

    `stages` are the hooks that the plugin in it has.

    Raises BackendCrashed when it dies or stops answering, and what the backend raised otherwise.
    """

    def __init__(
        self,
        service: Service,
        limits: Limits | None = None,
        scratch: Path | None = None,
        started: tuple[Log, tuple[Any, Channel]] | None = None,
    ) -> None:
        self.service = service
        self.limits = limits or Limits()
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._directory = ""
        self._ended = False
        self._forgotten: list[int] = []
        self._log, (self._process, self._channel) = started or _started(scratch, service.environment)
        self._ready = _readiness(self._channel.connection)
        with self._lock:
            answer = self._exchange("start", "", deadline(), encoded(self._hello()))
            if isinstance(answer, Failure):
                self._end()
        if isinstance(answer, Failure):
            raise self._raised(answer, "start", "")
        assert isinstance(answer, Welcome)
        self.stages = answer.stages

    def _hello(self) -> Hello:
        """What the process has to know: in an environment of its own it has its own places for modules."""
        service = self.service
        path, before = (None, None) if service.environment else (paths(), os.environ.get("PYTHONPATH"))
        return Hello(PROTOCOL, service.role, service.spec, service.target, path, before)

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return int(self._process.pid)

    @property
    def alive(self) -> bool:
        """Whether it can take requests."""
        return not self._ended and self._process.poll() is None and self._owner == os.getpid()

    def log(self) -> str:
        """The last lines that the backend wrote to stdout and stderr."""
        return self._log.tail()

    def call(self, stage: str, *args: Any, within: float | None = None, about: str = "") -> Any:
        """Ask for one of the stages that the service's role has; see `zif.backends.isolation.child`.

        within: seconds after which the worker is ended (default: that of the limits). about: what it is done for, in
        errors. Large contents go through shared memory; those of the answer belong to the caller.
        """
        run = stage == "run"
        with self._lock:
            if self._ended or self._owner != os.getpid():
                raise self._crashed(stage, about, "belongs to another process or was closed")
            try:
                buffers = encoded([None if run else self._moved(), stage, list(args)])
            except (CannotCross, RecursionError) as error:
                why = f"{stage} was handed what cannot cross to another process: {error}"
                raise StageFailed(f"{self._who}: {why}") from error
            while self._forgotten:
                self._exchange("unload", "", within, encoded([None, "unload", [self._forgotten.pop()]]))
            with span(f"{stage} in worker", "hop", f"worker {self.pid}", pid=self.pid):
                answer = self._exchange(stage, about, within, buffers)
        if isinstance(answer, Failure):
            raise self._raised(answer, stage, about)
        return answer

    def forget(self, handle: int) -> None:
        """Unload a segment before the next request. Never waits."""
        self._forgotten.append(handle)

    def close(self) -> None:
        """End it: politely when it is idle, at once when it is busy. May be called twice."""
        if not self._lock.acquire(blocking=False):
            self.kill()
            if not self._lock.acquire(timeout=10):  # who waits for the answer lets go when the process is gone
                return
        try:
            if self.alive:
                self._channel.close()  # to the worker, the end of the connection is the end of its work
                with contextlib.suppress(Exception):
                    self._process.wait(5)
            self._end()
        finally:
            self._lock.release()

    def kill(self) -> None:
        """End the process at once, from any thread."""
        self._ended = True
        if self._owner == os.getpid():  # a forked copy of the host only lets go of it
            self._process.kill()

    def _end(self) -> None:
        """Leave nothing behind. The caller holds the lock."""
        self.kill()
        if self._owner == os.getpid():
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        if not self._channel.connection.closed:
            self._channel.close()
        self._log.close()

    @property
    def _who(self) -> str:
        return self.service.owner

    def _moved(self) -> str | None:
        """The working directory when it changed since the last request: relative paths must mean the same there."""
        with contextlib.suppress(OSError):
            here = os.getcwd()
            if here != self._directory:
                self._directory = here
                return here
        return None

    def _exchange(self, stage: str, about: str, within: float | None, buffers: list[Any]) -> Any:
        try:
            self._channel.post(buffers)
            self._wait(stage, about, within)
            answer = self._channel.receive(copy=True)
            self._log.trim()
        except (EOFError, ConnectionError):
            raise self._crashed(stage, about, ending(self._process)) from None
        except ZifError:
            raise
        except Exception as error:
            self._end()
            raise BackendBroken(f"{self._who}: what its process answered in {stage} cannot be read: {error}") from error
        except BaseException:  # Ctrl-C: the answer that may still come would be taken for the next one's
            self._end()
            raise
        return answer

    def _wait(self, stage: str, about: str, within: float | None) -> None:
        """Return when an answer is there."""
        if self._ready(_SOON):
            return
        limit, silence = self.limits.deadline_s if within is None else within, self.limits.silence_s
        idle = min((seconds for seconds in (limit, silence) if seconds is not None), default=None)
        patience = Patience(limit, idle, of_process(self.pid))
        last = time.monotonic() - _SOON
        while not self._ready(patience.step):
            if self._process.poll() is not None and not self._ready(0):
                raise self._crashed(stage, about, ending(self._process))
            now = time.monotonic()
            how, last = patience.over(now - last), now
            if how == "idle" and idle != limit:
                raise self._crashed(stage, about, f"did nothing for {silence:g} s, hung, and was ended")
            if how and not self._ready(0):
                raise self._crashed(stage, about, f"did not answer within {limit:g} s and was ended")
            self._log.trim()

    def _crashed(self, stage: str, about: str, how: str) -> BackendCrashed:
        how = "was closed meanwhile" if self._ended else how
        self._end()
        log = self._log.tail()
        where = f"in {_WORDS.get(stage, stage)}" + (f" of {about}" if about else "")
        wrote = f" The last that it wrote: {_last_line(log)!r}." if _last_line(log) else ""
        advice = self.service.advice
        return BackendCrashed(f"{self._who}: its worker process {how}, {where}.{wrote} {advice}", log)

    def _raised(self, failure: Failure, stage: str, about: str) -> ZifError:
        error: ZifError = failure.error
        if stage == "start" and not failure.foreign and self._who not in str(error):
            error = type(error)(f"{self._who}: {error}")
        if failure.foreign:
            what = _WORDS.get(stage, stage) + (f" of {about}" if about else "")
            error = StageFailed(f"{self._who} failed in {what}: {error}")
        error.__cause__ = WorkerTraceback(failure.trace)
        return error


def _started(scratch: Path | None, environment: str) -> tuple[Log, tuple[Any, Channel]]:
    log = Log()
    try:
        return log, start(log, scratch, environment)
    except BaseException:
        log.close()
        raise


def _readiness(connection: Connection) -> Any:
    """A function of seconds: whether something has arrived. `Connection.poll` makes a selector each time."""
    if sys.platform == "win32":
        return connection.poll
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return lambda seconds: bool(poller.poll(seconds * 1000))


def _last_line(log: str) -> str:
    """What the backend wrote last, before the interpreter's own account of the crash."""
    own = log.partition("Fatal Python error:")[0]
    lines = [line.strip() for line in own.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
