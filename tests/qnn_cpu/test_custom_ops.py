"""Operators of a user's own library run where ONNX Runtime runs, and nothing loads a library that nobody named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper
from typer.testing import CliRunner
from zif.cli.app import application

pytestmark = pytest.mark.needs("onnxruntime-extensions>=0.14")


@pytest.fixture
def library() -> Path:
    """A published library of custom operators, as a user would have one of their own."""
    import onnxruntime_extensions

    return Path(onnxruntime_extensions.get_library_path())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """x → NegPos, which parts negative numbers from positive ones → their difference, which is |x|."""
    nodes = [
        helper.make_node("Add", ["x", "x"], ["twice"], "twice"),
        helper.make_node("NegPos", ["twice"], ["low", "high"], "parted", domain="ai.onnx.contrib"),
        helper.make_node("Sub", ["high", "low"], ["y"], "apart"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in ("x", "y")]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.contrib", 1)]
    proto = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=opsets, ir_version=9)
    onnx.save(proto, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


X = np.linspace(-1, 1, 8, dtype=np.float32)[None]


@pytest.mark.parametrize("isolate", [False, True])
def test_it_runs_with_the_library(model: Path, library: Path, isolate: bool) -> None:
    with zif.load(model, custom_ops=library, isolate=isolate) as session:
        assert {unit.backend for unit in session.plan.units if unit.op_type == "NegPos"} == {"qnn_cpu"}
        np.testing.assert_allclose(session.run({"x": X})["y"], np.abs(2 * X))


def test_it_can_be_cut_at_what_the_library_makes(model: Path, library: Path) -> None:
    with zif.load(model, custom_ops=[library], pin={"apart": "reference"}) as session:
        parts = [(part.backend, part.units) for part in session.plan.segments]
        assert parts == [("qnn_cpu", ("twice", "parted")), ("reference", ("apart",))]
        np.testing.assert_allclose(session.run({"x": X})["y"], np.abs(2 * X))


def test_without_the_library_the_error_names_the_option(model: Path) -> None:
    with pytest.raises(zif.Unsupported, match=r"ai\.onnx\.contrib\.NegPos .* --custom-ops"):
        zif.load(model)


def test_what_is_no_library_is_said(model: Path) -> None:
    with pytest.raises(zif.ZifError, match=r"m\.onnx is no library of operators"):
        zif.load(model, custom_ops=[model], only=["qnn_cpu"])


def test_a_bundle_brings_no_library_and_takes_the_one_that_is_named(model: Path, library: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "m.zif"
    zif.compile(model, bundle, custom_ops=[library])
    assert not [path for path in bundle.rglob("*") if library.name in path.name]
    named = [path for path in bundle.rglob("*") if path.is_file() and library.name.encode() in path.read_bytes()]
    assert {path.name for path in named} <= {"plan.json", "manifest.json"}, "the plan says its name, and nothing else"
    assert not [path for path in named if str(library.parent).encode() in path.read_bytes()]
    with pytest.raises(zif.ZifError, match="--custom-ops"):
        zif.load(bundle)
    with zif.load(bundle, custom_ops=[library]) as session:
        np.testing.assert_allclose(session.run({"x": X})["y"], np.abs(2 * X))


def test_a_plan_names_the_libraries_and_not_where_they_lie(model: Path, library: Path) -> None:
    plan = zif.plan(model, custom_ops=library)
    assert plan.to_json()["custom_ops"] == [library.name]
    assert zif.Plan.from_json(plan.to_json()) == plan
    assert f"--custom-ops {library.name}" in plan.request.asked


#: Every command of core that reads a model, and the rest of a line that makes it end well.
LINES = {
    "compare": "m.onnx m.onnx@qnn_cpu --random 0",
    "compile": "m.onnx -o m.zif",
    "culprit": "m.onnx",
    "eval": "m.onnx --eval judge.py:judge",
    "plan": "m.onnx",
    "profile": "m.onnx --random 0 --runs 1 --warmup 0",
    "quantize": "m.onnx --random-calibration --method minmax --per-tensor -o q.onnx",
    "run": "m.onnx --random 0",
    "verdicts": "m.onnx --all",
    "verify": "m.onnx",
}


@pytest.mark.parametrize("command", LINES)
def test_every_command_on_a_model_takes_the_library(
    command: str, model: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    Path("judge.py").write_text("def judge(session):\n    return 1.0\n")
    done = CliRunner().invoke(application(), [command, *LINES[command].split(), "--custom-ops", str(library)])
    assert done.exit_code == 0, f"{done.output}{done.exception}"


def test_so_does_each_verb(model: Path, library: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "m.zif"
    zif.compile(model, bundle, custom_ops=[library])
    found = zif.compare(model, bundle, {"x": X}, custom_ops=library)
    assert found.outputs[0].figures.max_abs == 0
