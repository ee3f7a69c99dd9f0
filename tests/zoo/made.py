"""Models that have to be made: by a script of this folder, in an environment of its own with pinned packages."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from zoo.fetch import ZooBroken, cache, call_pip


def made(name: str, script: str, pins: Sequence[str], arguments: Sequence[Path] = ()) -> Path:
    """The folder with what `script` makes, made once for these pins, this script and these arguments.

    The script gets the folder to fill and then `arguments`. Raises ZooUnavailable if a package cannot be fetched and
    ZooBroken if the script fails.
    """
    source = Path(__file__).with_name(script)
    version = hashlib.sha256(source.read_bytes() + "\n".join(pins).encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{version}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        out = Path(scratch) / "out"
        out.mkdir()
        command = [_python(Path(scratch) / "env", pins), source, out, *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ZooBroken(f"{script} failed: {done.stderr.strip()[-2000:]}")
        if not folder.is_dir():
            shutil.move(out, folder)
    return folder


def _python(env: Path, pins: Sequence[str]) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(env)], check=True)
    python = env / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    call_pip(" ".join(pins), "--python", str(python), "install", *pins)
    return python
