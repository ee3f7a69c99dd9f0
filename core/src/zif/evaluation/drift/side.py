"""The two sides: an environment that is asked now, or what was kept."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import attrs
from attrs import Factory, frozen

from zif import errors
from zif.errors import BackendCrashed, BackendUnavailable, StageFailed, UsageError, ZifError
from zif.evaluation.drift.child import PROTOCOL, Job
from zif.evaluation.drift.reading import Kept, Reading, read_kept
from zif.files.documents import json_of
from zif.files.environments import environment
from zif.files.leftovers import private_folder
from zif.files.processes import ending, interpreter
from zif.files.records import value
from zif.files.wording import json_text

#: This process's own environment, and what stands before the name of another.
HERE, ENVIRONMENT = "here", "env:"
_TAIL = 4000


@frozen
class Feed:
    """What every live side is fed: the models' names and files, and their sets of inputs in `folder`."""

    names: tuple[str, ...]
    paths: tuple[Path, ...]
    folder: Path
    kinds: tuple[Mapping[str, str], ...]
    sets: tuple[int, ...]


@frozen
class Live:
    """An environment that is asked now; "" is this process's own."""

    environment: str = ""

    @property
    def source(self) -> str:
        """As it is written on the command line."""
        return ENVIRONMENT + self.environment if self.environment else HERE

    def read(self, feed: Feed, target: str, wishes: Mapping[str, Any], folder: Path) -> Kept:
        """Its readings, in a process of its interpreter; the arrays go into `folder`. Raises ZifError subclasses.

        The process has a data folder of its own, so that what was measured or learned on one side, and other
        environments, do not tell on either.
        """
        wanted = {name: _crossing(wish) for name, wish in wishes.items()}
        paths = tuple(str(path.absolute()) for path in feed.paths)
        kinds, sets = feed.kinds, feed.sets
        job = Job(PROTOCOL, feed.names, paths, target, str(feed.folder), str(folder), kinds, sets, wanted)
        with private_folder("zif-drift-data-") as data, tempfile.TemporaryFile() as log:
            answer = self._answer(json_text(attrs.asdict(job)), log, data)
        if "error" in answer:
            raise _error(str(answer["error"]), f"{self.source}: {answer['message']}")
        readings = value(tuple[Reading, ...], answer.get("readings"), f"the answer of {self.source}", StageFailed)
        return Kept(self.source, readings, folder)

    def _answer(self, job: str, log: IO[bytes], data: Path) -> Mapping[str, Any]:
        process = self._started(log, data)
        try:
            out, _ = process.communicate(job.encode())
        except BaseException:  # Ctrl-C too: nobody waits for it any longer
            process.kill()
            process.wait()
            raise
        if process.returncode or not out:
            raise self._died(process, log)
        answer = json_of(out, f"the answer of {self.source}", StageFailed)
        if not isinstance(answer, Mapping):
            raise StageFailed(f"{self.source} answered with no document")
        return answer

    def _started(self, log: IO[bytes], data: Path) -> subprocess.Popen[bytes]:
        """In a session of its own: Ctrl-C reaches only the host, which then ends it."""
        python, variables = interpreter(self.environment)
        own = ["-S"] if sys.flags.no_site and not self.environment else []
        try:
            return subprocess.Popen(
                [python, "-u", "-P", *own, "-m", "zif.evaluation.drift.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**variables, "ZIF_DATA": str(data), "PYTHONWARNINGS": "ignore"},
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise BackendUnavailable(f"{self.source}: its interpreter {python} cannot be started: {error}") from error

    def _died(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> ZifError:
        log.seek(0)
        said = log.read()[-_TAIL:].decode("utf-8", "replace").strip()
        if "No module named" in said and "drift" in said:
            name = self.environment
            return UsageError(
                f"the zif of {self.source} is older than `zif drift`: `zif env create {name} --again` makes it anew"
            )
        last = f": {said.splitlines()[-1]}" if said else ""
        return BackendCrashed(f"the process of {self.source} {ending(process)}{last}", said)


@frozen
class Past:
    """What was kept."""

    kept: Kept = Factory(lambda: Kept("", ()))

    @property
    def source(self) -> str:
        """Where it lies."""
        return self.kept.source


Side = Live | Past


def side(text: str) -> Side:
    """The side that a word of the command line names: `here`, `env:NAME`, or the path of what was kept.

    Raises UsageError for an environment or a path that is not there.
    """
    if text == HERE:
        return Live()
    if text.startswith(ENVIRONMENT):
        return Live(environment(text.removeprefix(ENVIRONMENT)).name)
    if not os.path.exists(text):
        raise UsageError(
            f"{text} is neither {HERE}, nor {ENVIRONMENT}NAME, nor a file or folder that was kept: "
            "`zif env ls` lists environments, `zif drift MODEL --keep DIR` keeps results"
        )
    return Past(attrs.evolve(read_kept(Path(text)), source=text))


def _crossing(wish: Any) -> Any:
    """A wish as JSON has it; what is a file is named whole, since the other process may stand elsewhere."""
    if isinstance(wish, Path):
        return str(wish.absolute())
    if isinstance(wish, Mapping):
        return {name: _crossing(inner) for name, inner in wish.items()}
    return [_crossing(inner) for inner in wish] if isinstance(wish, (list, tuple)) else wish


def _error(name: str, message: str) -> ZifError:
    kind = getattr(errors, name, None)
    known = isinstance(kind, type) and issubclass(kind, ZifError)
    return kind(message) if known and kind is not None else StageFailed(message)


__all__ = ["ENVIRONMENT", "HERE", "Feed", "Live", "Past", "Side", "side"]
