"""Trying an import in an interpreter of its own, once for its content: it may end or hang the process it is done in."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from typing import IO

from zif.errors import BackendUnavailable
from zif.files.patience import Patience, deadline, of_process
from zif.files.processes import ending, interpreter, paths
from zif.files.trials.keeping import Outcome

#: So much is read of what it answers.
_LONG = 2000
#: What it raises it will raise in the host as well. Whoever ends the process, with whatever status, has not said so.
_CHILD = """
import json, os, sys
from functools import reduce
from importlib import import_module
value, then, token, path = sys.argv[1:]
sys.path[:] = json.loads(path)
line = os.dup(1)
os.dup2(2, 1)
module, _, attribute = value.partition("[")[0].partition(":")
try:
    found = reduce(getattr, filter(None, attribute.strip().split(".")), import_module(module.strip()))
    exec(then, {"found": found})
    said = ""
except BaseException as error:
    said = f"{type(error).__name__}: {error}"
os.write(line, f"{token} {said}".encode("utf-8", "replace")[:2000])
os._exit(0)
"""


def outcome(value: str, then: str) -> Outcome:
    """Import it there; see `zif.files.trials.importing`."""
    limit, token = deadline(), secrets.token_hex(8)
    with tempfile.TemporaryFile() as answer:  # no pipe, which whoever it leaves behind would hold open
        try:
            process = _started([value, then, token, json.dumps(paths())], answer)
        except (OSError, BackendUnavailable):  # no process to be had: then it cannot be told, and is done here
            return Outcome("fine")
        if how := _waited(process, limit):
            return Outcome("broken", "import", how, limit)
        answer.seek(0)
        said = answer.read(_LONG).decode("utf-8", "replace")
    if said.startswith(token):
        return Outcome("fine", "import", said.removeprefix(token).strip())
    return Outcome("broken", "import", ending(process), limit)


def _started(arguments: list[str], answer: IO[bytes]) -> subprocess.Popen[bytes]:
    python, variables = interpreter()
    return subprocess.Popen(
        [python, "-P", "-c", _CHILD, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=answer,
        stderr=subprocess.DEVNULL,
        env=variables,
        start_new_session=sys.platform != "win32",
    )


def _waited(process: subprocess.Popen[bytes], limit: float) -> str:
    """Wait for its end: "" when that came, or how patience did."""
    try:
        process.wait(min(limit / 8, 0.05))
        return ""
    except subprocess.TimeoutExpired:
        pass
    patience, last = Patience(limit, limit, of_process(process.pid)), time.monotonic()
    while True:
        try:
            process.wait(patience.step)
            return ""
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            if patience.over(now - last):
                process.kill()
                process.wait()
                return f"did not answer within {limit:g} s"
            last = now
