"""A frontend as the host asks it: in a process of its own, or here for a model that lies in the host's memory."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import attrs

from zif import errors
from zif.errors import BackendCrashed, BackendUnavailable, StageFailed
from zif.files.archives import read_arrays, save_arrays
from zif.files.documents import json_of
from zif.files.leftovers import private_folder
from zif.files.patience import Patience, deadline, of_process
from zif.files.processes import ending, interpreter
from zif.files.records import record
from zif.files.writing import refused
from zif.records import Arrays, Installed
from zif.runtime.frontends.child import PROTOCOL
from zif.runtime.frontends.contract import Imported, Named, Origin, Recognized, Request
from zif.runtime.frontends.installed import Frontend, owner_of

#: So much of what a frontend printed is told when it dies.
_TAIL = 4000
#: Seconds after which it is worth to look what a frontend does; so many deadlines it has to recognize a source, for it
#: may import its framework; and so many seconds it may do nothing in the rest.
_SOON, _RECOGNIZING, _SILENCE = 0.05, 3, 120.0


Failed = TypeVar("Failed", bound=errors.ZifError)


class Asked(Protocol):
    """What can be asked of a frontend, wherever it runs."""

    def recognize(self, source: Origin) -> Recognized | None: ...

    def convert(self, source: Origin, request: Request, folder: Path) -> Imported: ...

    def run(self, source: Origin, request: Request, inputs: Arrays) -> Arrays | None: ...


@contextmanager
def asking(row: Installed, source: Origin) -> Iterator[Asked]:
    """The frontend of a row, ready to be asked of this source; its process ends with the block."""
    if not isinstance(source, (Path, Named)):
        yield Frontend.open(row.module, owner_of(row), here=True)
        return
    with private_folder("zif-frontend-") as scratch, tempfile.TemporaryFile() as log:
        process = _started(log, row.environment)
        try:
            yield _Remote(row, process, scratch, log)
        finally:
            _ended(process)


class _Remote:
    def __init__(self, row: Installed, process: subprocess.Popen[bytes], scratch: Path, log: IO[bytes]) -> None:
        self._row, self._process, self._scratch, self._log = row, process, scratch, log
        self._count = 0

    def recognize(self, source: Origin) -> Recognized | None:
        answer = self._answer("recognize", source)
        return None if answer is None else record(Recognized, answer, self._who, StageFailed)

    def convert(self, source: Origin, request: Request, folder: Path) -> Imported:
        answer = self._answer("convert", source, request=attrs.asdict(request), folder=str(folder))
        return record(Imported, answer, self._who, StageFailed)

    def run(self, source: Origin, request: Request, inputs: Arrays) -> Arrays | None:
        self._count += 1
        inputs_file, made = f"inputs-{self._count}.npz", f"outputs-{self._count}.npz"
        try:
            save_arrays(self._scratch / inputs_file, inputs)
        except OSError as error:
            raise refused(f"inputs for {self._who}", error) from error
        about = {"folder": str(self._scratch), "inputs": inputs_file, "outputs": made}
        answer = self._answer("run", source, request=attrs.asdict(request), **about)
        return None if answer is None else read_arrays(self._scratch / made, StageFailed)

    @property
    def _who(self) -> str:
        return owner_of(self._row)

    def _answer(self, stage: str, source: Origin, **about: Any) -> Any:
        told = {"path": str(source)} if isinstance(source, Path) else attrs.asdict(source)
        head = {"protocol": PROTOCOL, "module": self._row.module, "owner": self._who, "stage": stage, "source": told}
        line = self._exchange(stage, json.dumps({**head, **about}))
        if not line:
            raise self._died(stage)
        answer = json_of(line, f"the answer of {self._who}", StageFailed)
        if not isinstance(answer, Mapping):
            raise StageFailed(f"{self._who} answered with no document in {stage}. Tell its author.")
        if "error" in answer:
            raise _advised(_error(str(answer["error"]), str(answer["message"])))
        return answer["answer"]

    def _exchange(self, stage: str, text: str) -> bytes:
        """What the process answers; b"" when it has ended. Raises BackendCrashed for one that hangs."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(text.encode() + b"\n")
            stdin.flush()
        except (BrokenPipeError, ConnectionError):
            return b""
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.append(_line(stdout)), daemon=True, name="zif-frontend")
        reader.start()
        reader.join(_SOON)
        if reader.is_alive() and (how := self._watched(stage, reader)):
            self._process.kill()
            reader.join()
            raise self._crashed(stage, how)
        return lines[0]

    def _watched(self, stage: str, reader: threading.Thread) -> str:
        """Wait for the end of the reader, "", or of patience. To recognize is quick; the rest takes its time."""
        busy, idle = (_RECOGNIZING * deadline(),) * 2 if stage == "recognize" else (None, _SILENCE)
        patience, last = Patience(busy, idle, of_process(self._process.pid)), time.monotonic()
        while True:
            reader.join(patience.step)
            if not reader.is_alive():
                return ""
            now = time.monotonic()
            if how := patience.over(now - last):
                return (
                    f"did nothing for {idle:g} s and was ended"
                    if how == "idle"
                    else f"did not answer within {busy:g} s and was ended"
                )
            last = now

    def _died(self, stage: str) -> BackendCrashed:
        return self._crashed(stage, ending(self._process))

    def _crashed(self, stage: str, how: str) -> BackendCrashed:
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _TAIL))
        said = self._log.read().decode("utf-8", "replace").strip()
        last = f": {said.splitlines()[-1]}" if said else ""
        return _advised(BackendCrashed(f"the process of {self._who} {how} in {stage}{last}", said))


def _advised(error: Failed) -> Failed:
    """With the next step for a frontend, which nothing excludes, where it would be that for a backend."""
    if "--exclude" in error.step:
        error.step = "tell the plugin's author what --debug shows; `zif convert --frontend NAME` asks another"
    return error


def _line(stream: IO[bytes]) -> bytes:
    """The next line; b"" at the end, and where the stream is closed meanwhile."""
    try:
        return stream.readline()
    except (OSError, ValueError):
        return b""


def _error(name: str, message: str) -> errors.ZifError:
    kind = getattr(errors, name, None)
    known = isinstance(kind, type) and issubclass(kind, errors.ZifError)
    return kind(message) if known and kind is not None else StageFailed(message)


def _started(log: IO[bytes], environment: str) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches only the host, which then ends it."""
    python, variables = interpreter(environment)
    command = [python, "-u", "-P", "-m", "zif.runtime.frontends.child"]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**variables, "PYTHONWARNINGS": "ignore"},
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        why = f"cannot start a process for frontends: {error}. End other processes, and try again."
        raise BackendUnavailable(why) from error


def _ended(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                continue
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
