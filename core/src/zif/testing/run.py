"""The kit from outside of pytest: one call, one record, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from zif.errors import UsageError, ZifError


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
    quiet: bool = False,
    extra: Sequence[str] = (),
) -> Done:
    """Run the kit on a backend in a fresh interpreter; pytest's report goes to stdout, or to stderr when `quiet`.

    Raises UsageError when the extra `zif[testing]` is not installed or pytest did not like the call, and ZifError when
    pytest itself broke.
    """
    needs()
    with tempfile.TemporaryDirectory() as folder:
        path = outcome or Path(folder) / "outcome.json"
        flags = ["--backend", backend, "--target", target, "--outcome", str(path)]
        flags += ["--require-device"] if require_device else []
        flags += ["--sample", str(sample)] if sample else []
        flags += ["-k", select] if select else []
        flags += ["--known", str(known)] if known else []
        flags += [f"--junit-xml={junit}"] if junit else []
        code = _pytest([*flags, *extra], quiet)
        if code not in (0, 1, 5) or not path.is_file():
            raise (UsageError if code == 4 else ZifError)(f"pytest ended with exit code {code}; its words are above")
        return Done(1 if code == 1 else 0, json.loads(path.read_text(encoding="utf-8")))


def needs() -> None:
    """Raise UsageError when what the kit runs on is not installed."""
    for module in ("pytest", "hypothesis"):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"`zif check` needs {module}: pip install 'zif[testing]'")


def _pytest(flags: Sequence[str], quiet: bool) -> int:
    """pytest on the installed suite. Settings of the folder that we happen to stand in stay out of it."""
    base = ["-p", "zif.testing.plugin", "--pyargs", "zif.testing.suite", "-q", "-p", "no:cacheprovider", "-rfEX"]
    command = [sys.executable, "-m", "pytest", *base, "--noconftest", "-c", os.devnull, "--rootdir", ".", *flags]
    return subprocess.run(command, stdout=sys.stderr if quiet else None, check=False).returncode
