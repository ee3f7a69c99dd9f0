"""Core and the backends for every machine live beside the oldest and the newest packages that they allow.

Wheels, fresh environments, and a real model that gives the same answer in each. `python tools/ranges.py` runs the tests
themselves on such sets.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from fresh import ROOT, needs_uv, run, uv
from packaging.requirements import Requirement
from zoo import entry

pytestmark = needs_uv

MEMBERS = ("core", "plugins/reference", "plugins/qnn_cpu")
#: What a host may have, as pip would be told, and what becomes of the rest: as old as the ranges allow, or the newest.
SETS: Mapping[str, tuple[str, ...]] = {
    "oldest": ("--resolution", "lowest-direct", "onnx==1.16.*", "numpy==1.26.*"),
    "TensorFlow 2.16's pins": ("onnx==1.16.*", "numpy==1.26.*", "ml_dtypes==0.3.*", "protobuf==4.*"),
    "newest": (),
}


def declared(member: str) -> dict[str, Requirement]:
    read = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]["dependencies"]
    return {wanted.name: wanted for wanted in map(Requirement, read)}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for member in MEMBERS:
        uv("build", "--wheel", "--out-dir", folder, ROOT / member)
    return sorted(folder.glob("*.whl"))


def installed(python: Path) -> dict[str, str]:
    rows = json.loads(uv("pip", "list", "--python", python, "--format", "json"))
    return {row["name"].replace("_", "-"): row["version"] for row in rows}


@pytest.mark.parametrize("name", ["oldest", *(pytest.param(n, marks=pytest.mark.slow) for n in SETS if n != "oldest")])
def test_a_real_model_is_planned_and_run(name: str, wheels: list[Path], tmp_path: Path) -> None:
    """Kinds of files, told from their bytes: on both backends, each alone and one after the other."""
    magika, python = entry("magika"), tmp_path / "env" / "bin" / "python"
    uv("venv", tmp_path / "env")
    uv("pip", "install", "--python", python, "--only-binary", ":all:", *SETS[name], *wheels)
    there = installed(python)
    assert name == "newest" or (there["onnx"][:5], there["numpy"][:5]) == ("1.16.", "1.26.")
    np.save(tmp_path / "bytes.npy", magika.inputs()["bytes"])
    shape = "bytes=" + ",".join(map(str, magika.shapes["bytes"]))
    planned = json.loads(run(python, "-m", "zif", "plan", magika.path, "--shape", shape, "--json"))
    assert {segment["backend"] for segment in planned["segments"]} == {"qnn_cpu"}
    told = json.loads(run(python, "-m", "zif", "backends", "--json"))["backends"]
    assert {row["name"]: row["available"] for row in told} == {"qnn_cpu": True, "reference": True}
    for chosen in (("--only", "qnn_cpu"), ("--only", "reference"), ("--pin", "op:MatMul=reference")):
        words = ["--shape", shape, "-i", f"bytes={tmp_path / 'bytes.npy'}", "-o", tmp_path / chosen[-1], *chosen]
        run(python, "-m", "zif", "run", magika.path, *words, "--no-cache")
        outputs = {path.stem: np.load(path) for path in (tmp_path / chosen[-1]).glob("*.npy")}
        assert magika.check(outputs) == magika.expected, chosen


def test_the_ranges_of_all_distributions_agree() -> None:
    """A package has one lower and one upper end, whoever asks for it; what only some plugins can use is narrower."""
    core = declared("core")
    for path in sorted([*ROOT.glob("plugins/*/pyproject.toml"), ROOT / "examples/zif-openvino/pyproject.toml"]):
        for name, wanted in declared(str(path.parent.relative_to(ROOT))).items():
            assert name not in core or wanted.specifier == core[name].specifier, (path, wanted)


def test_what_is_allowed_holds_for_what_is_pinned_here() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    for member in MEMBERS:
        for name, wanted in declared(member).items():
            assert name not in pins or wanted.specifier.contains(pins[name]), wanted


def test_the_page_for_hosts_tells_the_lower_ends() -> None:
    page = (ROOT / "docs/hosts.md").read_text()
    told = dict(
        re.findall(r"^\| (onnx|numpy|ml_dtypes|onnxruntime \(`zif-qnn-cpu`.*?\)) \| ([\d.]+)", page, re.MULTILINE)
    )
    wanted = {name.partition(" ")[0]: low for name, low in told.items()}
    ends = {**declared("plugins/qnn_cpu"), **declared("core")}
    lowest = {name: next(s.version for s in ends[name].specifier if s.operator == ">=") for name in wanted}
    assert len(wanted) == 4
    assert wanted == lowest
