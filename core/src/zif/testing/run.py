"""The kit from outside of pytest: one call, one record, in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from attrs import frozen

from zif.errors import UsageError, ZifError
from zif.files.installing import to_install
from zif.files.leftovers import private_folder
from zif.files.wording import printable
from zif.testing.deadlines import OVERRUN, limits
from zif.testing.journal import unfinished, write


@frozen
class Done:
    """code: 0 nothing failed, 1 something did. record: the document `zif.check/1`."""

    code: int
    record: Mapping[str, Any]


def check(
    backend: str,
    *,
    target: str = "host",
    require_device: bool = False,
    sample: int = 0,
    select: str = "",
    known: Path | None = None,
    junit: Path | None = None,
    outcome: Path | None = None,
    report: IO[str] | None = None,
    deadlines: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> Done:
    """Run the kit on a backend in a fresh interpreter; pytest's report goes to stdout, or to `report`.

    deadlines: times for stages, such as "compile=10m"; see `zif.testing.deadlines`.

    Raises UsageError when the extra `zif[testing]` is not installed or pytest did not like the call, and ZifError when
    pytest itself broke.
    """
    needs()
    limits(deadlines)
    with private_folder() as folder:
        path = outcome or folder / "outcome.json"
        flags = ["--backend", backend, "--target", target, "--outcome", str(path)]
        flags += ["--require-device"] if require_device else []
        flags += ["--sample", str(sample)] if sample else []
        flags += ["-k", select] if select else []
        flags += ["--known", str(known)] if known else []
        flags += [word for deadline in deadlines for word in ("--stage-deadline", deadline)]
        flags += [f"--junit-xml={junit}"] if junit else []
        code = _to_the_end([*flags, *extra], report, path, folder / "journal.jsonl")
        if code == 5:
            raise UsageError(f"no test of the kit matches -k {select!r}; without -k, all are run")
        if code not in (0, 1):
            raise (UsageError if code == 4 else ZifError)(f"pytest ended with exit code {code}; its words are above")
        return Done(1 if code == 1 else 0, json.loads(path.read_text(encoding="utf-8")))


def _to_the_end(flags: Sequence[str], report: IO[str] | None, outcome: Path, journal: Path) -> int:
    """Run pytest, and again after each test in which the backend ended the process. Returns pytest's exit code."""
    outcome.unlink(missing_ok=True)
    while True:
        code = _pytest([*flags, "--journal", str(journal)], report)
        if outcome.is_file() or code in (2, 3, 4, 5):
            return code
        if code == OVERRUN:  # it has written down itself what took too long
            continue
        test, how = unfinished(journal), _death(code)
        if test is None:
            raise ZifError(f"{how} between two tests; the last words are above: tell its author")
        print(f"zif: {how} in {printable(test.rpartition('/')[2])}; going on after it", file=sys.stderr)
        write(journal, {"died": test, "how": f"{how} in this test"})


def _death(code: int) -> str:
    with contextlib.suppress(ValueError):
        if code < 0:
            return f"the backend ended the process with {signal.Signals(-code).name}"
    return f"the backend ended the process with exit code {code}"


def needs() -> None:
    """Raise UsageError when what the kit runs on is not installed."""
    for module in ("pytest", "hypothesis"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"`zif check` needs {module}: {to_install('zif[testing]')}")


def _pytest(flags: Sequence[str], report: IO[str] | None) -> int:
    """pytest on the installed suite. Settings of the folder that we happen to stand in stay out of it."""
    base = ["-p", "zif.testing.plugin", "--pyargs", "zif.testing.suite", "-q", "-p", "no:cacheprovider", "-rfEX"]
    command = [sys.executable, "-m", "pytest", *base, "--noconftest", "-c", os.devnull, "--rootdir", ".", *flags]
    if report is None or report.isatty():
        return subprocess.run(command, stdout=report, env=_environment(), check=False).returncode
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=_environment(), text=True, encoding="utf-8", errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:  # by way of ours: pytest answers a full disk with three tracebacks
                report.write(line)
        except BaseException:
            _ended(process)
            raise
    return process.returncode


def _environment() -> dict[str, str]:
    """The kit is there to see what a backend does to its process: nobody tries it before."""
    return {**os.environ, "ZIF_IN_PROCESS": "all"}


def _ended(process: subprocess.Popen[str]) -> None:
    """Interrupt pytest, which then puts away what its tests made."""
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        process.send_signal(signal.SIGINT)
        process.wait(5)
    process.kill()
