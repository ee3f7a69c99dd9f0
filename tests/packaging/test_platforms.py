"""The wheels resolve for the other systems: Windows on Snapdragon and x86-64, Linux on aarch64, macOS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from fresh import ROOT, needs_uv, uv

MEMBERS = ("core", "quantize", "reference", "qnn_cpu", "qnn_runtime", "qnn_gpu", "qnn_htp")
NAMES = ("zif", "zif-quantize", "zif-reference", "zif-qnn-cpu", "zif-qnn-runtime", "zif-qnn-gpu", "zif-qnn-htp")
#: What uv calls a system, and whether Qualcomm has a wheel for it. Linux stands with the least glibc that it takes.
SYSTEMS = {
    "x86_64-manylinux_2_35": True,
    "aarch64-manylinux_2_34": True,
    "x86_64-pc-windows-msvc": True,
    "aarch64-pc-windows-msvc": True,
    "aarch64-apple-darwin": False,
}

pytestmark = [pytest.mark.slow, needs_uv]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for member in MEMBERS:
        uv("build", "--wheel", "--out-dir", folder, ROOT / (member if member == "core" else f"plugins/{member}"))
    return folder


def resolved(wheels: Path, system: str, python: str = "3.12", names: tuple[str, ...] = NAMES) -> tuple[str, str]:
    """What would be installed there from wheels alone, and what the resolver says."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-sources"]
    command += ["--only-binary", ":all:", "--find-links", str(wheels), "--python-platform", system]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}  # onnxruntime's wheels need that much
    done = subprocess.run(
        [*command, "--python-version", python, "-"],
        input="\n".join(names),
        cwd=wheels,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", ["3.11", "3.12"])
def test_everything_that_is_needed_has_a_wheel_there(wheels: Path, system: str, python: str) -> None:
    found, said = resolved(wheels, system, python)
    assert found, said
    names = {line.partition("==")[0] for line in found.splitlines()}
    assert set(NAMES) <= names
    assert ("onnxruntime-qnn" in names) == SYSTEMS[system]


@pytest.mark.parametrize("system", ["x86_64-manylinux_2_34", "aarch64-manylinux_2_28"])
def test_an_older_linux_is_told_why(wheels: Path, system: str) -> None:
    """The floors above are the wheels' own: one step lower there is none, and the resolver names it."""
    found, said = resolved(wheels, system)
    assert (found, "onnxruntime-qnn" in said) == ("", True)


def test_the_markers_are_those_of_the_systems() -> None:
    """Each pair of the marker is one that Qualcomm publishes for, in the words that Python itself has for it."""
    told = tomllib.loads((ROOT / "plugins/qnn_runtime/pyproject.toml").read_text())["project"]["dependencies"]
    (line,) = (one for one in told if one.startswith("onnxruntime-qnn"))
    pairs = set(re.findall(r"sys_platform == '(\w+)' and platform_machine == '(\w+)'", line))
    assert pairs == {("linux", "x86_64"), ("linux", "aarch64"), ("win32", "AMD64"), ("win32", "ARM64")}
