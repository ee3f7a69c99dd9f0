"""Run the tests on the oldest and the newest packages that zif's ranges allow.

    python tools/ranges.py                          # both sets, the rooms that read models and compute
    python tools/ranges.py oldest --all             # every quick test
    python tools/ranges.py newest --python 3.12     # on another Python, where one is installed
    python tools/ranges.py oldest --without-qnn     # as on a machine for which Qualcomm has no wheel

A set is an environment of its own (`.venv-oldest`, `.venv-newest-3.12`) with this checkout and, from wheels, what
its pyproject.toml files allow. "oldest" is the lower end of each range, or the first version above it that has a wheel
for that Python. What the tests need besides never changes the set. Exit code 1 where a test fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).resolve().parents[1]
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
#: Members that every machine can have; the others need Qualcomm's wheel.
EVERYWHERE = ("core", "plugins/quantize", "plugins/reference", "plugins/qnn_cpu")
QNN = ("plugins/qnn_runtime", "plugins/qnn_gpu", "plugins/qnn_htp")
#: What reads models, holds numbers and computes with them: where versions of onnx and numpy differ, it shows here.
ROOMS = ("model", "inputs", "files", "verdicts", "reference", "qnn_cpu", "artifacts", "runtime")
#: Of these, what plans for no chip.
ROOMS_WITHOUT_QNN = ("model", "inputs", "reference", "qnn_cpu")
TESTING = ("pytest", "pytest-xdist", "hypothesis", "jsonschema", "pillow")
SHOWN = ("onnx", "numpy", "onnxruntime", "ml-dtypes", "scipy", "protobuf")


class Absent(Exception):
    """There is no such Python here, or no such package for it."""


@frozen
class Set:
    """One environment: the packages at one end of their ranges, on one Python."""

    name: str
    version: str
    qnn: bool

    @property
    def folder(self) -> Path:
        """Where the environment is made."""
        words = (self.name, self.version, "" if self.qnn else "without-qnn")
        return ROOT / "-".join((".venv", *filter(None, words)))

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    def make(self) -> str:
        """Make or refresh the environment, and say what is in it. Raises Absent."""
        wanted = self.version or f"{sys.version_info.major}.{sys.version_info.minor}"
        uv("venv", "--clear", "--no-python-downloads", "--python", wanted, self.folder)
        members = EVERYWHERE + (QNN if self.qnn else ())
        sources = [word for member in members for word in ("-e", ROOT / member)]
        self._install("--resolution", RESOLUTIONS[self.name], "--only-binary", ":all:", *sources)
        pins = self.folder / "pins.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in self._installed().items()))
        self._install("--constraint", pins, *TESTING)
        there = self._installed()
        return ", ".join([f"Python {self._version()}", *(f"{name} {there[name]}" for name in SHOWN if name in there)])

    def test(self, rooms: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        """Run the quick tests of these rooms."""
        paths = [f"tests/{room}" for room in rooms] or ["tests"]
        words = [self.python, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", "-m", "not slow", *paths]
        return subprocess.run(list(map(str, words)), cwd=ROOT, capture_output=True, text=True, check=False)

    def _install(self, *words: str | Path) -> None:
        uv("pip", "install", "--python", self.python, *words)

    def _installed(self) -> dict[str, str]:
        """Versions of what came from an index, by name."""
        rows = json.loads(uv("pip", "list", "--python", self.python, "--format", "json"))
        return {row["name"].replace("_", "-"): row["version"] for row in rows if "editable_project_location" not in row}

    def _version(self) -> str:
        code = "import platform; print(platform.python_version())"
        return subprocess.check_output([self.python, "-c", code], text=True).strip()


def uv(*words: str | Path) -> str:
    """Run uv; Absent with its words where it cannot."""
    command = [sys.executable, "-m", "uv", "--quiet", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(done.stderr.strip())
    return done.stdout


def main() -> int:
    """Make the sets that are asked for, and test them; 1 where a test fails, 2 where a set cannot be made."""
    asked = _arguments()
    rooms = () if asked.all else ROOMS_WITHOUT_QNN if asked.without_qnn else ROOMS
    code = 0
    for name in asked.sets or list(RESOLUTIONS):
        chosen = Set(name, asked.python, not asked.without_qnn)
        try:
            print(f"{name}: {chosen.make()}", flush=True)
        except Absent as reason:
            print(f"{name}: not run. {reason}", file=sys.stderr)
            code = 2
            continue
        done = chosen.test(rooms)
        print(done.stdout if done.returncode else done.stdout.rstrip().rpartition("\n")[2], flush=True)
        code = code or bool(done.returncode)
    return int(code)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", nargs="*", choices=[*RESOLUTIONS, []], help="both when none is named")
    parser.add_argument("--python", default="", metavar="VERSION", help="such as 3.12; this one when it is not named")
    parser.add_argument("--without-qnn", action="store_true", help="leave out what needs Qualcomm's wheel")
    parser.add_argument("--all", action="store_true", help="every quick test, not only the rooms that compute")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
