"""The way to the process that has the toolkit imported: started when it is first needed, ended with this one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from zif import BackendUnavailable, StageFailed
from zif.plugin import content_of, private_folder

from zif_rockchip.job import Job, Outcome

if TYPE_CHECKING:
    from zif.plugin import Array

_HOW = "from zif_rockchip.server import main; main({descriptor})"


#: Seconds between two looks at what the toolkit prints; so many bytes are nothing to look at, and so many of the end
#: are looked at.
_LOOK_S, _LITTLE, _TAIL = 0.5, 1 << 20, 1 << 16
#: A rule of the compiler that feeds itself gives its product a longer name each time: "out-rs-rs-rs-rs...".
_GROWN = re.compile(r"([-_][A-Za-z]\w{0,40}?)\1{99}")


def runs_away(printed: str) -> bool:
    """Whether the compiler applies a rule to its own product, again and again, to judge by the names that it prints."""
    return bool(_GROWN.search(printed))


class ToolkitDied(StageFailed):
    """The toolkit ended its process over a model: a crash of its own. The message is a sentence.

    endless: it did not, and was ended.
    """

    endless = False


def _endless() -> ToolkitDied:
    error = ToolkitDied("rknn-toolkit2 rewrites the model without end")
    error.endless = True
    return error


class Bench:
    """One model in the toolkit's hands, in a process of its own. Raises ToolkitDied when that ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owned = contextlib.ExitStack()
        try:
            self.folder: Path = self._owned.enter_context(private_folder("zif-rknn-"))
            self._line = _room.new_line()
            self._owned.callback(self._line.close)
            self._pid: int = self._ask("enter", self.folder)
        except BaseException:
            self._owned.close()
            raise

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.close()

    def build(self, job: Job) -> Outcome:
        """See `zif_rockchip.server`. Raises ToolkitDied for a build that was ended, for it would not have ended."""
        outcome: Outcome = self._ask("build", job)
        return outcome

    def export(self, file: Path) -> Outcome:
        outcome: Outcome = self._ask("export", file)
        return outcome

    def simulate(self) -> Outcome:
        outcome: Outcome = self._ask("simulate")
        return outcome

    def run(self, arrays: list[Array]) -> tuple[Outcome, list[Array]]:
        answer: tuple[Outcome, list[Array]] = self._ask("run", arrays)
        return answer

    def close(self) -> None:
        """Let the process and its folder go. May be called twice."""
        with self._lock:
            self._owned.close()

    def log(self) -> str:
        """All that the toolkit has printed so far."""
        try:
            return content_of(self.folder / "toolkit.log").decode(errors="replace")
        except OSError:
            return ""

    def _tail(self) -> str:
        """The end of what the toolkit has printed, which may be hundreds of megabytes by now."""
        try:
            descriptor = os.open(self.folder / "toolkit.log", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return ""
        try:
            size = os.fstat(descriptor).st_size
            start = max(0, size - _TAIL)
            return os.pread(descriptor, _TAIL, start).decode(errors="replace") if size > _LITTLE else ""
        finally:
            os.close(descriptor)

    def _ask(self, word: str, *args: Any) -> Any:
        with self._lock:
            try:
                self._line.send((word, args))
                while not self._line.poll(_LOOK_S):
                    if word == "build" and runs_away(self._tail()):
                        os.kill(self._pid, signal.SIGKILL)
                        raise _endless()
                return self._line.recv()
            except (EOFError, OSError):
                raise ToolkitDied("rknn-toolkit2 ended its process (a crash of its own)") from None


class _Room:
    """The process that forks; one for this process, whatever it is a fork of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def new_line(self) -> Connection:
        """A connection to a new child. Raises BackendUnavailable when the toolkit cannot be imported."""
        with self._lock:
            control = self._started()
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(control, [b"n"], [theirs.fileno()])
                except OSError:
                    self._owner = 0  # it is gone: the next one who asks starts another
                    ours.close()
                    raise ToolkitDied("the process that has rknn-toolkit2 imported is gone") from None
            return Connection(ours.detach())

    def _started(self) -> socket.socket:
        alive = self._process is not None and self._process.poll() is None
        if self._control is not None and self._owner == os.getpid() and alive:
            return self._control
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(_command(theirs.fileno()), pass_fds=[theirs.fileno()], **_QUIET)
        said = ours.recv(4096)
        if said != b"ready":
            ours.close()
            why = said.decode(errors="replace") or "its process ended at the import"
            raise BackendUnavailable(f"rknn-toolkit2 cannot be imported: {why}")
        self._control, self._owner = ours, os.getpid()
        return ours


_QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
_room = _Room()


def _command(descriptor: int) -> list[str]:
    """The same interpreter, which finds modules where this one does."""
    code = f"import sys; sys.path[:] = {sys.path!r}; " + _HOW.format(descriptor=descriptor)
    return [sys.executable, "-c", code]


@contextlib.contextmanager
def bench() -> Iterator[Bench]:
    """A bench for one question."""
    with Bench() as made:
        yield made
