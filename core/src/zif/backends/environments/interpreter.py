"""What an interpreter is, asked from itself: its version, where its modules lie, and the zif in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from attrs import frozen

from zif.backends.deadline import deadline
from zif.errors import UsageError
from zif.files.documents import json_of
from zif.files.processes import clean
from zif.files.records import record

#: The least Python that zif runs on.
LEAST = (3, 11)
#: For any Python 3, so that one that is too old can say so.
_QUESTION = """
import json, os, sys
told = {"version": "%d.%d.%d" % sys.version_info[:3], "folders": [p for p in sys.path[1:] if os.path.isdir(p)]}
try:
    from importlib.metadata import version
    told["zif"] = version("zif")
except Exception:
    pass
if "zif" in told:
    try:
        from zif.backends.isolation.codec import PROTOCOL
        told["protocol"] = PROTOCOL
    except Exception as error:
        told["broken"] = "%s: %s" % (type(error).__name__, error)
sys.stdout.write("\\n" + json.dumps(told) + "\\n")
"""


@frozen
class Interpreter:
    """protocol: what its zif speaks, 0 where there is none; broken: why that zif cannot be imported."""

    version: str
    folders: tuple[str, ...]
    zif: str = ""
    protocol: int = 0
    broken: str = ""

    @property
    def too_old(self) -> bool:
        """Whether zif cannot run on it."""
        return tuple(map(int, self.version.split(".")[:2])) < LEAST


def ask(python: str | Path) -> Interpreter:
    """What it says of itself. Raises UsageError for what is no Python interpreter, with what it said instead."""
    path = os.path.abspath(python)  # not resolved: an environment's interpreter is a link to another's
    if not os.path.isfile(path):
        raise UsageError(f"{python} is no file: name the interpreter, such as /opt/conda/envs/npu/bin/python")
    limit = 10 * deadline()
    try:
        done = subprocess.run(
            [path, "-c", _QUESTION],
            env=clean(path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            cwd="/" if os.name == "posix" else None,
        )
    except OSError as error:
        raise UsageError(f"{python} cannot be started: {error.strerror or error}") from error
    except subprocess.TimeoutExpired:
        raise UsageError(f"{python} did not say what it is within {limit:g} s: is it a Python interpreter?") from None
    line = done.stdout.strip().rpartition("\n")[2]
    try:
        return record(Interpreter, json_of(line, str(python), UsageError), str(python), UsageError)
    except UsageError:
        said = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2][:200]
        raise UsageError(f"{python} is no Python interpreter that works: it said {said!r}") from None
