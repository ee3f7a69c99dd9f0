"""What a backend does beside its work: files that it writes when it is asked, words on stdout, changed state, forks.

`python -m zif.testing.manners BACKEND TARGET` takes a tiny network through every stage and prints what it saw, as
JSON: in a process of its own, since the stages run here, and since what is watched is the process.
"""

from __future__ import annotations

import contextlib
import json
import locale
import os
import random
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zif.artifacts.cache.place import kept_folder
from zif.backends.isolation.pool import pool
from zif.backends.registry import backend
from zif.errors import ZifError
from zif.model import Model
from zif.targets import target
from zif.testing.networks import perceptron

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_FORKS = ("os.fork", "os.forkpty")


class Seen:
    """What was noticed, by stage: {"files": …, "stdout": …, "state": …, "forks": …}."""

    def __init__(self) -> None:
        self.stage = ""
        self.seen: dict[str, dict[str, list[str]]] = {kind: {} for kind in ("files", "stdout", "state", "forks")}
        sys.addaudithook(self._hook)

    def note(self, kind: str, what: str) -> None:
        """Once for each stage."""
        words = self.seen[kind].setdefault(self.stage, [])
        if what not in words:
            words.append(what)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.stage:
            return
        if event in _FORKS:
            self.note("forks", event)
        elif event == "open" and isinstance(args[0], str) and isinstance(args[2], int) and args[2] & _WRITING:
            self.note("files", os.path.abspath(args[0]))


def watched(name: str, chip: str) -> dict[str, dict[str, list[str]]]:
    """What was seen while the backend went through its stages."""
    seen, network, where = Seen(), perceptron(), target(chip)
    model, inputs = Model.load(network.model), network.inputs
    with _caught_stdout() as printed:

        def step(stage: str, work: Callable[[], Any]) -> Any:
            before = state()
            seen.stage = stage
            try:
                return work()
            finally:
                seen.stage = ""
                for what, value in state().items():
                    if value != before[what]:
                        seen.stage = stage
                        seen.note("state", what)
                for words in printed():
                    seen.stage = stage
                    seen.note("stdout", words)
                seen.stage = ""

        with contextlib.suppress(ZifError):  # what it refuses is looked at elsewhere
            plugin = step("import", lambda: backend(name))
            for _ in range(3):
                step("capabilities", lambda: plugin.capabilities(where, model))
            options = plugin.options({}, where)
            converted = step("convert", lambda: plugin.convert(model, where, options))
            compiled = step("compile", lambda: plugin.compile(converted, where, options))
            executable = step("load", lambda: plugin.load(compiled, options))
            step("run", lambda: executable.run(inputs))
            step("run", lambda: executable.run(inputs))
            step("close", executable.close)
    seen.seen["files"] = {stage: left for stage, all_ in seen.seen["files"].items() if (left := _left(all_))}
    return seen.seen


def _left(files: list[str]) -> list[str]:
    """Those that are still there, but for what zif keeps for itself and Python compiles.

    A folder that is opened to write holds a file without a name, which goes when it is closed.
    """
    kept = kept_folder()
    own = [str(kept.parent if kept else os.devnull), os.devnull, "/dev/", "/proc/"]
    there = (file for file in files if os.path.lexists(file) and not os.path.isdir(file) and "__pycache__" not in file)
    return sorted(file for file in there if not file.startswith(tuple(own)))


@contextlib.contextmanager
def _caught_stdout() -> Iterator[Callable[[], list[str]]]:
    """Within, what is written to stdout, by Python or below it, is given by the function; nothing of it gets out."""
    sys.stdout.flush()
    real = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        at = 0

        def printed() -> list[str]:
            nonlocal at
            with contextlib.suppress(ValueError, OSError):
                sys.stdout.flush()
            size = os.fstat(file.fileno()).st_size
            text = os.pread(file.fileno(), min(size - at, 200), at).decode(errors="replace")
            at = size
            return [text] if text else []

        try:
            yield printed
        finally:
            os.dup2(real, 1)
            os.close(real)


def state() -> dict[str, Any]:
    """What belongs to the whole process, and is the host's."""
    mask = os.umask(0o077)
    os.umask(mask)
    return {
        "signal handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "the environment": dict(os.environ),
        "numpy's error state": np.geterr(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the working directory": os.getcwd(),
        "the file mode mask": mask,
        "the state of random": hash(random.getstate()),
        "the state of numpy.random": repr(np.random.get_state(legacy=False)),
        "the hooks of exceptions": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "the recursion limit": sys.getrecursionlimit(),
        "sys.stdout and sys.stderr": (id(sys.stdout), id(sys.stderr)),
    }


def main() -> None:
    """The command. The answer is the last line of stdout."""
    folder = Path(tempfile.gettempdir())
    before = set(folder.iterdir()) | set(Path.cwd().iterdir())
    seen = watched(*sys.argv[1:])
    pool.close()  # the workers of a backend that is not the host's have a folder while they live
    new = (set(folder.iterdir()) | set(Path.cwd().iterdir())) - before
    seen["left"] = {"all": sorted(map(str, new))} if new else {}
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
