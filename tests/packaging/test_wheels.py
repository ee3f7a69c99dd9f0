"""Wheels and sdists of every distribution, in fresh environments: each alone, and a newcomer's afternoon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fresh import ROOT, SURROUNDINGS, needs_uv, run, uv
from transcript import Write, steps

MEMBERS = {
    tomllib.loads(path.read_text())["project"]["name"]: path.parent
    for path in sorted([ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")])
}
#: Needs an engine that not every machine can install, so it is built, and installed where that is possible.
OPENVINO = ROOT / "examples/zif-openvino"

pytestmark = [pytest.mark.slow, needs_uv]


class Environment:
    """A fresh virtual environment that sees this checkout's wheels and no source."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder, self.wheels = folder, wheels
        self.python = folder / "bin" / "python"
        uv("venv", "--python", sys.executable, folder)

    def install(self, *what: str | Path) -> None:
        links = ["--find-links", self.wheels, "--constraint", ROOT / "constraints.txt"]
        uv("pip", "install", "--python", self.python, *links, *what)

    def shell(self, words: str, cwd: Path) -> str:
        """Do what a reader types, and give what it prints, whatever the exit code."""
        if words.startswith("pip install "):
            what = [word.strip("'") for word in words.removeprefix("pip install ").split()]
            self.install("--reinstall-package=zif-plain", *(cwd / word if word[0] == "." else word for word in what))
            return ""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        environment = {**SURROUNDINGS, "PATH": path, "VIRTUAL_ENV": str(self.folder)}
        done = subprocess.run(words, shell=True, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def zif(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        return run(self.python, "-m", "zif", *arguments, cwd=cwd)

    def refused(self, *arguments: str | Path) -> str:
        """What a call that is wrong usage says."""
        words = [str(self.python), "-m", "zif", *map(str, arguments)]
        done = subprocess.run(words, env=SURROUNDINGS, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        return done.stderr

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in json.loads(self.zif("backends", "--json"))["backends"]}


#: Writes m.onnx: a Relu and a Softmax.
MODEL = """
import onnx
from onnx import TensorProto as T, helper as h
ends = [h.make_tensor_value_info(n, T.FLOAT, [2, 3]) for n in "xy"]
nodes = [h.make_node("Relu", ["x"], ["r"], "relu"), h.make_node("Softmax", ["r"], ["y"], "soft")]
graph = h.make_graph(nodes, "g", ends[:1], ends[1:])
onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=9), "m.onnx")
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for source in (*MEMBERS.values(), OPENVINO):
        uv("build", "--out-dir", folder, source)  # the sdist first, then the wheel from the sdist
    return folder


def test_every_distribution_builds_with_its_types_and_data(wheels: Path) -> None:
    for name, source in {**MEMBERS, "zif-openvino": OPENVINO}.items():
        stem = name.replace("-", "_")
        wheel = next(wheels.glob(f"{stem}-0*.whl"))
        names = zipfile.ZipFile(wheel).namelist()
        assert any(entry.endswith("py.typed") for entry in names), name
        package = next((source / "src").glob("zif*"))
        data = [p for p in package.rglob("*") if p.suffix in (".json", ".j2")]
        assert {p.relative_to(source / "src").as_posix() for p in data} <= set(names), name
        with tarfile.open(next(wheels.glob(f"{stem}-0*.tar.gz"))) as archive:
            assert any(entry.endswith("README.md") for entry in archive.getnames())


def test_core_alone_lists_nobody_and_says_how_to_start(wheels: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "env", wheels)
    environment.install("zif")
    assert environment.rows() == {}
    assert "pip install" in environment.zif("backends")
    assert "zif-quantize" in environment.refused("quantize", "m.onnx", "-o", "q.onnx")


def test_quantizing_is_a_distribution_of_its_own(wheels: Path, tmp_path: Path) -> None:
    """Core and it alone: the commands are there, and the model is quantized on the CPU reference that it brings."""
    environment = Environment(tmp_path / "env", wheels)
    environment.install("zif-quantize")
    run(environment.python, "-c", MODEL, cwd=tmp_path)
    assert "quantize " in environment.zif("--help")
    told = environment.zif("quantize", "m.onnx", "-o", "q.onnx", "--random-calibration", "--json", cwd=tmp_path)
    assert json.loads(told)["schema"] == "zif.quantize/1"
    shown = json.loads(environment.zif("encodings", "show", "q.onnx", "--json", cwd=tmp_path))
    assert {entry["name"] for entry in shown["entries"]} == {"r", "y"}


FRONTENDS = {"zif-caffe", "zif-jax", "zif-tensorflow", "zif-torch"}
#: What brings no backend: core, a library, commands, and frontends.
WITHOUT_BACKEND = {"zif", "zif-qnn-runtime", "zif-quantize", "zif-sweep"} | FRONTENDS


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in WITHOUT_BACKEND])
def test_each_plugin_installs_alone(wheels: Path, tmp_path: Path, name: str) -> None:
    environment = Environment(tmp_path / "env", wheels)
    environment.install(name)
    (row,) = environment.rows().values()
    assert row["distribution"] == name
    assert row["available"] is True or len(row["reason"].split()) >= 3


@pytest.mark.parametrize("name", sorted(FRONTENDS))
def test_each_frontend_installs_alone(wheels: Path, tmp_path: Path, name: str) -> None:
    environment = Environment(tmp_path / "env", wheels)
    environment.install(name)
    listed = "print(*(point.dist.name for point in entry_points(group='zif.frontends')))"
    assert run(environment.python, "-c", f"from importlib.metadata import entry_points; {listed}").split() == [name]
    net = tmp_path / "net.prototxt"
    net.write_text("nothing of a network")
    assert "net.prototxt" in environment.refused("convert", net, "-o", tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


def test_all_of_them_work_together(wheels: Path, tmp_path: Path) -> None:
    """Every first-party distribution from its wheel in one environment: listed without a problem, and planned with."""
    environment = Environment(tmp_path / "env", wheels)
    environment.install(*MEMBERS)
    rows = environment.rows()
    assert {row["distribution"] for row in rows.values()} == set(MEMBERS) - WITHOUT_BACKEND
    assert all(row["kind"] for row in rows.values()), rows
    run(environment.python, "-c", MODEL, cwd=tmp_path)
    pins = ["--pin", "relu=qnn_cpu", "--pin", "soft=reference"]
    told = json.loads(environment.zif("run", "m.onnx", *pins, "--random", "0", "--json", cwd=tmp_path))
    assert [segment["backend"] for segment in told["segments"]] == ["qnn_cpu", "reference"]


def test_a_first_backend_by_hand(wheels: Path, tmp_path: Path) -> None:
    """docs/first-backend.md, word for word, from an empty folder and with wheels only."""
    environment, folder = Environment(tmp_path / "env", wheels), tmp_path / "empty"
    folder.mkdir()
    done = list(steps(ROOT / "docs/first-backend.md"))
    assert len(done) > 10
    for step in done:
        if isinstance(step, Write):
            (folder / step.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / step.path).write_text(step.text)
        else:
            printed = environment.shell(step.words, folder)
            assert step.missing(printed) == "", f"$ {step.words}\n{printed}"
    places = run(environment.python, "-c", "import zif, zif_plain; print(zif.__file__, zif_plain.__file__)").split()
    assert all("site-packages" in place for place in places), places


def test_an_afternoon_of_a_newcomer(wheels: Path, tmp_path: Path) -> None:
    """docs/authors.md: what `zif new-backend` writes is installed from a wheel, found, checked, and used in a plan."""
    environment = Environment(tmp_path / "env", wheels)
    environment.install("zif[testing]", "zif-reference")
    environment.zif("new-backend", "my_npu", cwd=tmp_path)
    environment.install(tmp_path / "zif-my-npu")
    assert environment.rows()["my_npu"]["available"] is True
    checked = json.loads(environment.zif("check", "my_npu", "--json", cwd=tmp_path / "zif-my-npu"))
    assert checked["counts"]["passed"] > 40
    assert "failed" not in checked["counts"]
    run(environment.python, "-m", "pytest", "-q", cwd=tmp_path / "zif-my-npu")
    run(environment.python, "-c", MODEL, cwd=tmp_path)
    told = json.loads(environment.zif("run", "m.onnx", "--random", "0", "--json", cwd=tmp_path))
    assert [segment["backend"] for segment in told["segments"]] == ["my_npu", "reference"]
