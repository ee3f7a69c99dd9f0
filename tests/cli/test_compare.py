"""`zif compare`: what it prints, its document, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from evaluation.nets import X, floats, quantized


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("compare")
    onnx.save(floats(), made / "a.onnx")
    onnx.save(quantized("h2"), made / "b.onnx")
    np.save(made / "x.npy", X)
    (made / "list.txt").write_text("x.npy\nx.npy\nx.npy\n")
    return made


def zif(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zif", "compare", "a.onnx", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_tells_where_the_error_starts(folder: Path) -> None:
    done = zif(folder, "b.onnx", "-i", "x.npy")
    assert done.returncode == 0, done.stderr
    assert "The error starts at 'h2' (MatMul mm2)" in done.stdout
    assert "the worst 5 of 5 inner tensors" in done.stdout


def test_the_document_is_alone_on_stdout(folder: Path) -> None:
    done = zif(folder, "b.onnx", "--input-list", "list.txt", "--samples", "2", "--json")
    told = json.loads(done.stdout)
    assert (told["schema"], told["samples"], told["start"]) == ("zif.compare/1", 2, "h2")


@pytest.mark.parametrize(("least", "code"), [("3", 0), ("40", 1)])
def test_min_sqnr_decides_the_exit_code(folder: Path, least: str, code: int) -> None:
    done = zif(folder, "b.onnx", "-i", "x.npy", "--min-sqnr", least)
    assert done.returncode == code
    assert ("--min-sqnr 40 is missed: 'y' has" in done.stderr) is bool(code)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["b.onnx"], "no value for input 'x'"),
        (["none.onnx", "-i", "x.npy"], "none.onnx does not exist"),
        (["b.onnx@nobody", "-i", "x.npy"], "no backend is called 'nobody'"),
        (["b.onnx@sm8650", "--target-b", "sa8295p", "-i", "x.npy"], "which one is meant"),
    ],
)
def test_wrong_input_is_one_paragraph(folder: Path, arguments: list[str], said: str) -> None:
    done = zif(folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("goal", "code"), [("0", 0), ("1e9", 1)])
def test_a_function_judges_both(folder: Path, goal: str, code: int) -> None:
    (folder / "judge.py").write_text(
        "import numpy as np\n\ndef top(s):\n    return float(s.run({'x': np.load('x.npy')})['y'].max() + 100)\n"
    )
    done = zif(folder, "b.onnx", "-i", "x.npy", "--outputs-only", "--eval", "judge.py:top", "--goal", goal, "--json")
    assert done.returncode == code, done.stderr
    told = json.loads(done.stdout)["eval"]
    assert told["a"] != told["b"]
    assert ("the goal is missed" in done.stderr) is bool(code)


def test_shapes_are_for_the_model_when_the_other_is_a_bundle(folder: Path) -> None:
    import zif as library

    made = floats()
    for info in (*made.graph.input, *made.graph.output):
        info.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(made, folder / "open.onnx")
    shape = ",".join(map(str, X.shape))
    library.compile(folder / "open.onnx", folder / "fixed.zif", "host", shapes={"x": X.shape}, overwrite=True)
    command = [
        sys.executable,
        "-m",
        "zif",
        "compare",
        "open.onnx",
        "fixed.zif",
        "--random",
        "0",
        "--shape",
        f"x={shape}",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "fixed.zif on host (qnn_cpu) held against open.onnx on host (qnn_cpu)" in done.stdout
    command[4] = "fixed.zif"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the shapes of a bundle were settled" in done.stderr


def test_pictures_from_a_folder_are_preprocessed_as_one_alone_is(tmp_path: Path) -> None:
    from onnx import TensorProto, helper
    from PIL import Image

    for name, added in (("a", 0.0), ("b", 1.0)):
        nodes = [
            helper.make_node("ReduceMean", ["image"], ["m"], "mean", keepdims=0),
            helper.make_node("Add", ["m", "c"], ["y"], "add"),
        ]
        ends = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 4, 4])]
        gives = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])]
        graph = helper.make_graph(nodes, "g", ends, gives, [helper.make_tensor("c", TensorProto.FLOAT, [], [added])])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(made, tmp_path / f"{name}.onnx")
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.full((4, 4, 3), 100, np.uint8)).save(tmp_path / "pictures" / "one.png")
    for given in (("-i", "pictures/one.png"), ("-c", "pictures")):
        told = json.loads(zif(tmp_path, "b.onnx", *given, "--preprocess", "scale=1/100", "--json").stdout)
        assert told["sqnr_db"] == pytest.approx(0.0, abs=1e-3)


def test_a_bundle_says_for_what_it_is_and_is_given_no_advice(folder: Path) -> None:
    """Its backends were settled when it was compiled."""
    for_chip = ("-o", "chip.zif", "--target", "snapdragon-8-gen-3")
    made = [sys.executable, "-m", "zif", "compile", "a.onnx", *for_chip]
    done = subprocess.run(made, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = zif(folder, "chip.zif", "-i", "x.npy").stdout
    assert "chip.zif on snapdragon-8-gen-3 (qnn_cpu) held against" in told
    assert "compares it" not in told
