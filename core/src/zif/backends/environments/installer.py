"""Making a virtual environment and installing into it: uv where it is, else venv and pip."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from zif.backends.environments.said import refusal
from zif.errors import UsageError
from zif.files.processes import clean

#: uv does not read pip's settings; who has a mirror has told pip. Its own, where they are set, come first.
_AS_UV = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_FIND_LINKS": "UV_FIND_LINKS"}
_AS_UV |= {"PIP_CERT": "SSL_CERT_FILE"}
#: A folder of plugins may have settings of its own for uv, which are for who works on it.
_UV = ("pip", "install", "--quiet", "--no-sources")
#: Environment variable: "pip" leaves uv alone.
ENVIRONMENT = "ZIF_INSTALLER"


class Installer:
    """Installs into the virtual environment `folder`. links: folders or pages with wheels, besides the index."""

    def __init__(self, folder: Path, links: Sequence[str] = ()) -> None:
        self.folder = folder
        self.links = links
        self.uv = uv()

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))

    def make(self, python: str) -> None:
        """Make it, with this interpreter (a path, or a version such as 3.11); "" for that of this process.

        Raises UsageError with what the tool said.
        """
        which = python or sys.executable
        if self.uv:
            _run([self.uv, "venv", "--quiet", "--no-project", "--python", which, str(self.folder)], "it was not made")
            return
        path = shutil.which(which) or shutil.which(f"python{which}")
        if path is None:
            raise UsageError(f"there is no interpreter {which!r} on the PATH: name its path, or install uv")
        _run([path, "-m", "venv", str(self.folder)], "it was not made")

    def install(self, requirements: Sequence[str], *, dependencies: bool = True) -> None:
        """Install these. Raises what `refusal` makes of the tool's words."""
        if not requirements:
            return
        install_into(self.python, requirements, self.links, uv=self.uv, dependencies=dependencies)


def install_into(
    python: str, requirements: Sequence[str], links: Sequence[str] = (), *, uv: str = "", dependencies: bool = True
) -> None:
    """Install with uv, or with the interpreter's own pip. Raises what `refusal` makes of the tool's words."""
    tool = [uv, *_UV, "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]
    options = [word for link in links for word in ("--find-links", link)]
    options += [] if dependencies else ["--no-deps"]
    what = ", ".join(requirement for requirement in requirements if not requirement.endswith(".whl")) or "zif"
    _run([*tool, *options, *requirements], f"{what} cannot be installed")


def _run(command: Sequence[str], failed: str) -> None:
    name = Path(command[0]).stem if "pip" not in command[2:3] else "pip"
    try:
        done = subprocess.run(
            command,
            env=_variables(command[0]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise UsageError(f"{failed}: {command[0]} cannot be started: {error.strerror or error}") from error
    if done.returncode:
        raise refusal(failed, name, done.stderr or done.stdout)


def _variables(tool: str) -> dict[str, str]:
    kept = clean(tool)
    for pip, uv in _AS_UV.items():
        if pip in kept and uv not in kept:
            words = kept[pip].split()
            kept[uv] = ",".join(words) if uv == "UV_FIND_LINKS" else " ".join(words)
    return kept


def uv() -> str:
    """uv on the PATH, beside the interpreter, or where its package says; "" where it is not, or is not to be used."""
    if os.environ.get(ENVIRONMENT) == "pip":
        return ""
    path = shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))
    if path or importlib.util.find_spec("uv") is None:
        return path or ""
    from uv import find_uv_bin

    return os.fsdecode(find_uv_bin())
