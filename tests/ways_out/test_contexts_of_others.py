"""EPContext models and packages come in: made by zif's own export, or by ONNX Runtime alone, run by `zif run`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from ways_out.test_onnxruntime import run_alone
from zif.cli import run as command

pytestmark = pytest.mark.usefixtures("htp")
CHIP, SOC_MODEL = "snapdragon-8-gen-3", "57"
X = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with an operator in its middle that the NPU does not have, compiled by ONNX Runtime, twice."""
    place = tmp_path_factory.mktemp("contexts")
    onnx.save(network(), place / "net.onnx")
    for embed, name in (("0", "beside.onnx"), ("1", "inside.onnx")):
        script = Path(__file__).with_name("compile_alone.py")
        words = [sys.executable, script, place / "net.onnx", place / name, embed, SOC_MODEL]
        done = subprocess.run(words, capture_output=True, text=True, cwd=place)
        assert done.returncode == 0, done.stderr
    return place


def network() -> onnx.ModelProto:
    draw = np.random.default_rng(0).standard_normal
    weights = [
        numpy_helper.from_array((draw(shape) / 5).astype(np.float32), name)
        for name, shape in (("w1", (8, 3, 3, 3)), ("w2", (8, 8, 3, 3)))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "first", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("NonZero", ["b"], ["c"], "where"),
        helper.make_node("Cast", ["c"], ["d"], "cast", to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["d"], ["e"], "largest", keepdims=0),
        helper.make_node("Add", ["b", "e"], ["f"], "add"),
        helper.make_node("Conv", ["f", "w2"], ["y"], "second", pads=[1] * 4),
    ]
    ends = [helper.make_tensor_value_info(*row) for row in (("x", 1, [1, 3, 8, 8]), ("y", 1, [1, 8, 8, 8]))]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def copied(folder: Path, to: Path) -> Path:
    """The model with its binary beside it, to be spoilt."""
    for file in folder.glob("beside*"):
        shutil.copy(file, to)
    return to / "beside.onnx"


def refused(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    capsys.readouterr()
    assert command([str(word) for word in words]) == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["beside.onnx", "inside.onnx"])
@pytest.mark.parametrize("target", ["host", CHIP])
def test_what_onnx_runtime_compiled_runs(folder: Path, name: str, target: str) -> None:
    """Two parts in one binary, of which the second only says that it is a part; the rest is the CPU's."""
    alone, _ = run_alone(_named(folder / name), {"x": X})
    with zif.load(folder / name, target) as session:
        assert [one.backend for one in session.plan.segments] == ["qnn_htp", "qnn_cpu", "qnn_htp"]
        made = session.run({"x": X})
        assert any("compiled elsewhere" in event.text for event in session.events)
    assert np.array_equal(made["y"], alone["y"])


def _named(model: Path) -> Path:
    """The same with the providers in its metadata, by which `alone.py` opens it."""
    proto = onnx.load(model)
    proto.metadata_props.add(key="zif.providers", value="QNNExecutionProvider,CPUExecutionProvider")
    made = model.with_name(f"named-{model.name}")
    onnx.save(proto, made)
    return made


def test_zifs_own_export_gives_what_the_bundle_gives(folder: Path, tmp_path: Path) -> None:
    """And again: a bundle of what was exported, exported."""
    source, outputs = folder / "net.onnx", []
    for turn in ("one", "two"):
        wishes: dict[str, Any] = {"pin": {"op:Conv": "qnn_htp"}} if turn == "one" else {}
        bundle = zif.compile(source, tmp_path / f"{turn}.zif", CHIP, **wishes).folder
        zif.export(bundle, tmp_path / turn / "net_ctx.onnx", "onnxruntime")
        source = tmp_path / turn / "net_ctx.onnx"
        with zif.load(bundle) as ours, zif.load(source, CHIP) as theirs:
            assert [one.backend for one in theirs.plan.segments] == [one.backend for one in ours.plan.segments]
            outputs += [ours.run({"x": X})["y"], theirs.run({"x": X})["y"]]
    assert all(np.array_equal(one, outputs[0]) for one in outputs[1:])


def test_a_bundle_of_it_says_that_nothing_was_verified(folder: Path, tmp_path: Path) -> None:
    made = zif.compile(folder / "beside.onnx", tmp_path / "net.zif", CHIP)
    assert any("not verified: compiled elsewhere" in event.text for event in made.events[CHIP])
    with pytest.raises(zif.ZifError, match="compiled elsewhere"):
        zif.load(folder / "beside.onnx", CHIP, verify="outputs")


def test_a_missing_binary_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = copied(folder, tmp_path)
    (tmp_path / "beside_qnn.bin").unlink()
    told = refused(capsys, "run", model, "--random", 0)
    assert "beside_qnn.bin is missing; node 'QNN" in told
    assert "Copy it beside the model" in told


def test_another_chip_is_told_the_grade(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "run", folder / "beside.onnx", "--random", 0, "-t", "snapdragon-888")
    assert "(EPContext) was compiled elsewhere, by QNNExecutionProvider, and cannot run on snapdragon-888" in told
    assert "qnn_htp: it is for Hexagon v75, and Snapdragon 888 has v68, which is older" in told
    with zif.load(folder / "beside.onnx", "snapdragon-8-elite") as session:
        told = " ".join(event.text for event in session.events)
    assert "it is for Hexagon v75, and Snapdragon 8 Elite has v79: what is new there is not used" in told


def test_another_release_is_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = copied(folder, tmp_path)
    proto = onnx.load(model)
    (said,) = [prop for prop in proto.metadata_props if prop.key.startswith("ep_compatibility_info")]
    words = said.value.split(":")
    said.value = ":".join([*words[:2], "2.40.0", *words[3:]])
    onnx.save(proto, model)
    for target in ("host", CHIP):
        told = refused(capsys, "run", model, "--random", 0, "-t", target)
        assert "qnn_htp: it was compiled by QNN 2.40.0, and QNN" in told


def test_a_package_gives_the_variant_of_the_chip(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chips = ("snapdragon-8-gen-2", CHIP)
    pin = {"op:Conv": "qnn_htp"}
    bundle = zif.compile(folder / "net.onnx", tmp_path / "net.zif", chips, pin=pin, verify=False).folder
    package = zif.export(bundle, tmp_path / "pkg", "onnxruntime-package").output
    taken = {CHIP: CHIP, "snapdragon-x-elite": chips[0], "snapdragon-8-elite": CHIP, "host": chips[0]}
    for chip, variant in taken.items():
        with zif.load(package, chip) as session:
            (told,) = [event.text for event in session.events if event.text.startswith("of the package")]
            assert f"the variant {variant} is taken: " in told
            assert ("optimal" in told) == (chip in (*chips, "host"))
            made = session.run({"x": X})["y"]
    with zif.load(bundle, chips[0]) as ours:
        assert np.array_equal(made, ours.run({"x": X})["y"])
    told = refused(capsys, "run", package, "--random", 0, "-t", "snapdragon-888")
    assert all(f"{chip}: recompile (it is for Hexagon" in told for chip in chips)
    assert command(["run", str(package), "--random", "0", "-t", CHIP, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == CHIP
    assert f"of the package pkg the variant {CHIP} is taken: optimal" in zif.plan(package, CHIP).notes
