"""Environments with real frameworks, made once and kept beside the checkout, as `zif env` makes them for users."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".zoo" / "frontends"


class Frameworks:
    """The command line with the environments of frontends, and the interpreters in those."""

    def __init__(self, cache: Path) -> None:
        self.environment = {**os.environ, "ZIF_DATA": str(KEPT), "ZIF_CACHE": str(cache)}

    def zif(self, *words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zif", *map(str, words)]
        return subprocess.run(command, env=self.environment, cwd=cwd, capture_output=True, text=True)

    def converted(self, folder: Path, source: str, *words: str, output: str = "made.onnx") -> Any:
        """Convert what lies in a folder, which has to succeed; gives the document of --json."""
        done = self.zif("convert", source, "-o", folder / output, "--overwrite", "--json", *words, cwd=folder)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def python(self, name: str, code: str, cwd: Path) -> None:
        """Run code with a framework, as its user would have written it."""
        python = KEPT / "environments" / name / "venv" / "bin" / "python"
        done = subprocess.run([python, "-c", code], cwd=cwd, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    def need(self, name: str, requirements: Sequence[str]) -> None:
        """Make an environment unless it is there. Skips where the packages cannot be had."""
        if f" {name} " in self.zif("env", "ls").stdout:
            self._renew(name)
            return
        done = self.zif("env", "create", name, *requirements)
        if done.returncode:
            pytest.skip(f"the environment {name} cannot be made: {done.stderr.strip()[-300:]}")

    def _renew(self, name: str) -> None:
        """What was installed from this checkout when the environment was made, as the checkout has it now."""
        (there,) = (KEPT / "environments" / name / "venv").glob("lib/python*/site-packages")
        for package in (ROOT / "core" / "src" / "zif", *ROOT.glob("plugins/*/src/zif_*")):
            if (there / package.name).is_dir():
                shutil.rmtree(there / package.name)
                shutil.copytree(package, there / package.name)
        for points in there.glob("zif_*-*.dist-info/entry_points.txt"):
            plugin = points.parent.name.partition("-")[0]
            text = (ROOT / "plugins" / plugin.removeprefix("zif_") / "pyproject.toml").read_text()
            groups = tomllib.loads(text)["project"]["entry-points"]
            rows = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in row.items()) for group, row in groups.items()]
            points.write_text("\n".join(rows))


@pytest.fixture(scope="session")
def frameworks(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Frameworks]:
    """Gives the command line with the environments that are named."""
    made = Frameworks(tmp_path_factory.mktemp("cache"))

    def needing(name: str, *requirements: str) -> Frameworks:
        made.need(name, requirements)
        return made

    return needing
