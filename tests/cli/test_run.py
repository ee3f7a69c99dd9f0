"""`zif run`: outputs, where it ran, how long; inputs from files, lists and seeds; outputs to files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fakes import GOOD, Site
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from small import classifier, save, value

X = np.array([[1, -2, 3, 0.5]], np.float32)
FAILS = GOOD + "\n\ndef fail(self, inputs):\n    raise RuntimeError('the device is on fire')\n\n\nRun.run = fail\n"


@pytest.fixture
def good(site: Site) -> Site:
    site.add("good")
    return site


@pytest.fixture
def model(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", X)
    return classifier(tmp_path / "net.onnx")


def ran(site: Site, *arguments: str | Path) -> Any:
    result = site.zif("run", "--json", "--no-cache", *arguments)
    assert result.code == 0, result.err
    assert result.json["schema"] == "zif.run/1"
    return result.json


def expected(model: Path, x: np.ndarray[Any, Any] = X) -> np.ndarray[Any, Any]:
    (y,) = ReferenceEvaluator(onnx.load(model)).run(None, {"x": x})
    return np.asarray(y)


def test_the_document_has_what_tools_rely_on(good: Site, model: Path, tmp_path: Path) -> None:
    document = ran(good, model, "--input", f"x={tmp_path / 'x.npy'}", "-o", tmp_path / "out")
    assert document["target"] == "host"
    told = document["outputs"]["y"]
    assert (told["dtype"], told["shape"], told["file"]) == ("float32", [1, 3], str(tmp_path / "out" / "y.npy"))
    assert [(s["backend"], s["kind"], s["units"]) for s in document["segments"]] == [("good", "hardware", 3)]
    assert document["segments"][0]["ms"] > 0
    assert document["total_ms"] >= document["segments"][0]["ms"]
    assert document["events"] == []
    assert np.array_equal(np.load(tmp_path / "out" / "y.npy"), expected(model))
    assert told["top"][0] == [int(expected(model).argmax()), pytest.approx(float(expected(model).max()))]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["y.npy"]


def test_the_text_says_where_and_what(good: Site, model: Path, tmp_path: Path) -> None:
    text = good.zif("run", model, "--input", tmp_path / "x.npy", "--repeat", "3").out
    best = int(expected(model).argmax())
    assert f"best of y: {best} (" in text
    assert "good" in text
    assert "hardware" in text
    assert "median of 3 runs" in text


def test_two_backends_give_what_one_gives(good: Site, model: Path, tmp_path: Path) -> None:
    good.add("other", KIND="emulator")
    document = ran(
        good,
        model,
        "-i",
        f"x={tmp_path / 'x.npy'}",
        "-o",
        tmp_path,
        "--emulate",
        "--pin",
        "relu=other",
        "--repeat",
        "4",
    )
    assert [s["backend"] for s in document["segments"]] == ["good", "other", "good"]
    assert document["emulated"] == ["other"]
    assert document["times"]["runs"] == 4
    assert np.array_equal(np.load(tmp_path / "y.npy"), expected(model))
    text = good.zif("run", model, "--random", "0", "--emulate", "--pin", "relu=other").out
    assert "emulated here, not run on hardware: other" in text


def test_a_seed_gives_the_same_again(good: Site, model: Path) -> None:
    first, again, other = (ran(good, model, "--random", seed)["outputs"]["y"]["top"] for seed in ("3", "3", "4"))
    assert first == again
    assert first != other


def test_raw_in_and_out(good: Site, model: Path, tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(X.tobytes())
    document = ran(good, model, "--input", tmp_path / "x.raw", "-o", tmp_path / "out", "--raw")
    assert document["outputs"]["y"]["file"].endswith("y.raw")
    assert (tmp_path / "out" / "y.raw").read_bytes() == expected(model).tobytes()


def test_an_input_list_fills_a_folder_per_line(good: Site, model: Path, tmp_path: Path) -> None:
    rows = [X, X + 1, X * 2]
    for number, row in enumerate(rows):
        (tmp_path / f"{number}.raw").write_bytes(row.tobytes())
    (tmp_path / "list.txt").write_text("0.raw\nx:=1.raw\n\n2.raw\n")
    document = ran(good, model, "--input-list", tmp_path / "list.txt", "-o", tmp_path / "out")
    assert [result["folder"] for result in document["results"]] == ["Result_0", "Result_1", "Result_2"]
    for number, row in enumerate(rows):
        assert np.array_equal(np.load(tmp_path / "out" / f"Result_{number}" / "y.npy"), expected(model, row))
    text = good.zif("run", model, "--input-list", tmp_path / "list.txt").out
    assert "Result_2" in text
    assert "line 4" in text


def test_a_picture_goes_in_as_described(good: Site, tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    path = save(
        tmp_path / "m.onnx",
        [helper.make_node("Identity", ["x"], ["y"])],
        [value("x", [1, 3, 4, 4])],
        [value("y", [1, 3, 4, 4])],
    )
    unscaled = good.zif("run", path, "-i", tmp_path / "p.png")
    assert unscaled.code == 0
    assert "p.png: pixels are 0 to 255" in unscaled.err
    described = good.zif("run", path, "-i", tmp_path / "p.png", "--preprocess", "scale=1/255")
    assert described.err == ""
    ran(good, path, "-i", tmp_path / "p.png", "--preprocess", "scale=1/255,mean=0.5,std=0.5", "-o", tmp_path)
    np.testing.assert_allclose(
        np.load(tmp_path / "y.npy")[0].transpose(1, 2, 0), (pixels / 255 - 0.5) / 0.5, rtol=1e-5, atol=1e-6
    )


def test_files_get_names_that_every_system_takes(good: Site, tmp_path: Path) -> None:
    names = ["a/b:0", "a_b_0", "A_B_0", "../../up", "x" * 300]
    path = save(
        tmp_path / "m.onnx",
        [helper.make_node("Identity", ["x"], [name], f"n{i}") for i, name in enumerate(names)],
        [value("x", [2])],
        [value(name, [2]) for name in names],
    )
    document = ran(good, path, "--random", "0", "-o", tmp_path / "out")
    files = [Path(document["outputs"][name]["file"]) for name in names]
    assert len({file.name.lower() for file in files}) == len(names)
    assert {file.parent for file in files} == {tmp_path / "out"}
    assert all(file.is_file() for file in files)


def test_outputs_that_are_no_tensors_are_written_too(good: Site, tmp_path: Path) -> None:
    path = save(
        tmp_path / "m.onnx",
        [helper.make_node("SequenceConstruct", ["x", "x"], ["s"]), helper.make_node("Cast", ["x"], ["t"], to=8)],
        [value("x", [2])],
        [
            helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [2]),
            value("t", [2], TensorProto.STRING),
        ],
    )
    document = ran(good, path, "--random", "0", "-o", tmp_path / "out")
    assert (document["outputs"]["s"]["dtype"], document["outputs"]["s"]["shape"]) == ("sequence", [2])
    assert sorted(np.load(tmp_path / "out" / "s.npz")) == ["0", "1"]
    assert document["outputs"]["t"]["dtype"] == "string"
    assert np.load(tmp_path / "out" / "t.npy").dtype.kind == "U"


def test_what_is_not_finite_is_told_and_stays_valid_json(good: Site, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([-1.0, 0.0, 4.0], np.float32))
    path = save(tmp_path / "m.onnx", [helper.make_node("Log", ["x"], ["y"])], [value("x", [3])], [value("y", [3])])
    told = ran(good, path, "-i", tmp_path / "x.npy")["outputs"]["y"]
    assert told["not_finite"] == 2
    assert told["max"] == pytest.approx(np.log(4.0))
    assert "2 are not finite" in good.zif("run", path, "-i", tmp_path / "x.npy").out


def test_a_model_without_inputs_needs_none(good: Site, tmp_path: Path) -> None:
    node = helper.make_node("Constant", [], ["c"], value_floats=[1.0, 2.0])
    add = helper.make_node("Neg", ["c"], ["y"])
    path = save(tmp_path / "m.onnx", [node, add], [], [value("y", [2])])
    assert ran(good, path)["outputs"]["y"]["mean"] == -1.5


def test_an_optional_input_may_be_given_or_not(good: Site, tmp_path: Path) -> None:
    default = helper.make_tensor("bias", TensorProto.FLOAT, [2], [10.0, 10.0])
    nodes = [helper.make_node("Add", ["x", "bias"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, [value("x", [2]), value("bias", [2])], [value("y", [2])], [default])
    np.save(tmp_path / "ones.npy", np.ones(2, np.float32))
    assert ran(good, path, "-i", f"x={tmp_path / 'ones.npy'}")["outputs"]["y"]["mean"] == 11.0
    both = ran(good, path, "-i", f"x={tmp_path / 'ones.npy'}", "-i", f"bias={tmp_path / 'ones.npy'}")
    assert both["outputs"]["y"]["mean"] == 2.0


def test_a_fault_ends_the_run_or_moves_the_segment(good: Site, model: Path) -> None:
    good.add("flaky", FAILS, COST=1.0)
    failed = good.zif("run", model, "--random", "0", "--json", "--no-cache")
    assert failed.code == 3
    assert "the device is on fire" in failed.json["message"]
    assert "Traceback" not in failed.err
    document = ran(good, model, "--random", "0", "--on-fault", "fallback")
    assert [s["backend"] for s in document["segments"]] == ["good"]
    (event,) = document["events"]
    assert (event["kind"], event["backend"]) == ("fallback", "flaky")
    assert "the device is on fire" in event["text"]
    assert "fallback (flaky" in good.zif("run", model, "--random", "0", "--on-fault", "fallback").out


def test_running_changes_no_input_and_leaves_nothing_else(good: Site, model: Path, tmp_path: Path) -> None:
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("*.*")}
    good.zif("run", model, "-i", tmp_path / "x.npy", cwd=tmp_path)
    after = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.glob("*.*")}
    assert before == after


def test_a_profile_that_cannot_be_kept_is_shown_all_the_same(good: Site, tmp_path: Path) -> None:
    model = classifier(tmp_path / "m.onnx")
    (tmp_path / "file").touch()
    told = good.zif("profile", model, "--random", "0", "-n", "2", "--json", ZIF_DATA=str(tmp_path / "file"))
    assert (told.code, told.json["kept"]) == (0, None)
    assert "not kept for the next plan" in told.err


def test_started_on_the_cpu_it_answers_before_anything_is_compiled(tmp_path: Path, capsys: Any) -> None:
    from zif.cli import run

    model = classifier(tmp_path / "net.onnx")
    np.save(tmp_path / "x.npy", X)
    arguments = ["run", str(model), "-i", f"x={tmp_path / 'x.npy'}", "--no-cache", "--json"]
    assert run([*arguments, "--start", "cpu", "-o", str(tmp_path / "out")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["events"][0]["kind"] == "started"
    np.testing.assert_allclose(np.load(tmp_path / "out" / "y.npy"), expected(model), rtol=1e-5)


def test_what_cannot_start_is_refused_before_anything_is_read(site: Site, tmp_path: Path) -> None:
    done = site.zif("run", tmp_path / "none.onnx", "--random", "0", "--start", "gpu")
    assert (done.code, done.out) == (2, "")
    assert "--start gpu: must be cpu" in done.err
