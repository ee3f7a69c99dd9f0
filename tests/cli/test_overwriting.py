"""No command writes over what it reads (data of the model, samples, lists, scripts), nor one output over another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner
from zif.cli.app import application
from zif.errors import UsageError

GOAL = ("--accuracy-goal", "SQNR=5")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with its weights in a file, and data in every form."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy"]
    weight = numpy_helper.from_array(rng.standard_normal((8, 8)).astype(np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], "mm")], "g", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    Path("data").mkdir()
    stacked = rng.standard_normal((6, 1, 8)).astype(np.float32)
    for number, sample in enumerate(stacked):
        np.save(f"data/{number}.npy", sample)
    np.savez("d.npz", x=stacked)
    Path("list.txt").write_text("".join(f"data/{number}.npy\n" for number in range(6)))
    Path("e.json").write_text('{"activation_encodings": {"x": [{"bitwidth": 8, "scale": 0.05, "offset": -128}]}}')
    Path("judge.py").write_text("def one(session):\n    return 1.0\n")
    Path("pre.toml").write_text("scale = 1.0\n")
    Path("link.npz").symlink_to("d.npz")
    Path("hard.npz").hardlink_to("d.npz")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def call(*args: str) -> Any:
    return CliRunner().invoke(application(), list(args))


@pytest.mark.parametrize(
    "args",
    [
        ("-c", "d.npz", "-o", "m.onnx"),
        ("-c", "d.npz", "-o", "m.data"),
        ("-c", "d.npz", "-o", "d.npz"),
        ("-c", "d.npz", "-o", "link.npz"),
        ("-c", "link.npz", "-o", "d.npz"),
        ("-c", "d.npz", "-o", "hard.npz"),
        ("-c", "d.npz", "-o", "data/../d.npz"),
        ("-c", "data", "-o", "data/3.npy"),
        ("-c", "list.txt", "-o", "list.txt"),
        ("-c", "list.txt", "-o", "data/5.npy"),
        ("-c", "data", "--preprocess", "pre.toml", "-o", "pre.toml"),
        ("--encodings", "e.json", "-o", "e.json"),
        ("-c", "d.npz", *GOAL, "-o", "q.onnx", "--frontier", "m.onnx"),
        ("-c", "d.npz", *GOAL, "-o", "q.onnx", "--frontier", "m.data"),
        ("-c", "d.npz", *GOAL, "-o", "q.onnx", "--frontier", "d.npz"),
        ("-c", "d.npz", *GOAL, "-o", "judge.py", "--eval", "judge.py:one"),
        ("-c", "d.npz", *GOAL, "-o", "q.onnx", "--frontier", "judge.py", "--eval", "judge.py:one"),
    ],
)
def test_quantize_writes_over_nothing_that_it_reads(folder: Path, args: tuple[str, ...]) -> None:
    before = contents(folder)
    found = call("quantize", "m.onnx", *args)
    assert isinstance(found.exception, UsageError), found.output
    assert "is read by this command, and would be lost" in str(found.exception)
    assert contents(folder) == before


@pytest.mark.parametrize("frontier", ["q.onnx", "data/../q.onnx", "q.encodings.json"])
def test_outputs_do_not_overwrite_each_other(folder: Path, frontier: str) -> None:
    before = contents(folder)
    found = call("quantize", "m.onnx", "-c", "d.npz", *GOAL, "-o", "q.onnx", "--frontier", frontier)
    assert isinstance(found.exception, UsageError), found.output
    assert "would be written twice" in str(found.exception)
    assert contents(folder) == before


def test_what_is_not_read_may_be_replaced(folder: Path) -> None:
    for _ in range(2):
        found = call("quantize", "m.onnx", "-c", "d.npz", "-o", "q.onnx", "--method", "minmax")
        assert found.exit_code == 0, found.output
    Path("old.html").write_text("old")
    Path("m.data").unlink()  # planning needs no weights
    assert call("plan", "m.onnx", "--html", "old.html").exit_code == 0
    assert "<html" in Path("old.html").read_text()


def moved(folder: Path, *names: str) -> None:
    assert call("compile", "m.onnx", "-o", "b.zif").exit_code == 0
    for name in names:
        (folder / name).replace(folder / "b.zif" / name)


@pytest.mark.parametrize(
    ("names", "args"),
    [
        (("m.onnx", "m.data"), ("b.zif/m.onnx",)),
        (("d.npz",), ("m.onnx", "--quantize", "w8a8", "-c", "b.zif/d.npz")),
    ],
)
def test_compile_replaces_no_folder_that_it_reads_from(
    folder: Path, names: tuple[str, ...], args: tuple[str, ...]
) -> None:
    moved(folder, *names)
    before = contents(folder)
    found = call("compile", *args, "-o", "b.zif", "--overwrite")
    assert isinstance(found.exception, UsageError), found.output
    assert "name another folder" in str(found.exception)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--html", "m.data"), "would be lost"),
        (("--html", "m.onnx"), "would be lost"),
        (("--html", "p.json", "--overlay", "p.json"), "written twice"),
    ],
)
def test_plan_writes_over_nothing(folder: Path, args: tuple[str, ...], said: str) -> None:
    before = contents(folder)
    found = call("plan", "m.onnx", *args)
    assert isinstance(found.exception, UsageError), found.output
    assert said in str(found.exception)
    assert contents(folder) == before


@pytest.mark.parametrize(
    "args",
    [
        ("--input", "x=out/y.npy", "-o", "out"),
        ("--input", "out/y.npy", "-o", "out"),
        ("--input", "x=out/y.raw", "-o", "out", "--raw"),
        ("--input-list", "chain.txt", "-o", "out"),
    ],
)
def test_run_writes_over_no_input(folder: Path, args: tuple[str, ...]) -> None:
    """Of a chain of runs the second would read what the first has written."""
    Path("out/Result_0").mkdir(parents=True)
    for path in ("out/y.npy", "out/Result_0/y.npy"):
        np.save(path, np.zeros((1, 8), np.float32))
    Path("out/y.raw").write_bytes(bytes(32))
    Path("chain.txt").write_text("data/0.npy\nout/Result_0/y.npy\n")
    before = contents(folder)
    found = call("run", "m.onnx", *args)
    assert isinstance(found.exception, UsageError), found.output
    assert "is read by this command, and would be lost" in str(found.exception)
    assert contents(folder) == before
    for _ in range(2):
        assert call("run", "m.onnx", "--input", "data/0.npy", "-o", "out").exit_code == 0
