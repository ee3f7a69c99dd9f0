"""Fresh environments: uv, and what runs in them, with the words of whoever fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: A fresh environment compiles every module that it imports, and the machine may be busy; tables are wide, whatever
#: terminal the tests run in.
SURROUNDINGS = {**os.environ, "ZIF_DEADLINE": "300", "COLUMNS": "160"}

needs_uv = pytest.mark.skipif(
    subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True, check=False).returncode != 0,
    reason="uv is not installed in this environment: `make test` installs it",
)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=SURROUNDINGS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def uv(*arguments: str | Path) -> str:
    return run(sys.executable, "-m", "uv", "--quiet", *arguments)
