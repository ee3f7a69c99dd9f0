"""`zif.quantize` and the commands: from files to files, and one clear message for everything that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
import zif_quantize
from onnx import TensorProto, helper
from quantized_nets import SAMPLES, cnn, run, sqnr
from typer.testing import CliRunner
from zif.cli.app import application
from zif.errors import ZifError
from zif.inputs import samples
from zif_quantize import measure, prepare
from zif_quantize.rules import prepared_by

STACKED = np.stack([sample["x"] for sample in SAMPLES])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "cnn.onnx"
    onnx.save(cnn(), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "data"
    place.mkdir()
    for number, sample in enumerate(SAMPLES):
        np.save(place / f"{number}.npy", sample["x"])
    return place


def call(*args: Any) -> Any:
    return CliRunner().invoke(application(), [str(arg) for arg in args])


def error(*args: Any) -> str:
    found = call(*args)
    assert isinstance(found.exception, ZifError), found.output
    assert found.exception.exit_code == 2
    return str(found.exception)


def test_a_folder_gives_a_model_and_its_encodings(model: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "q.onnx"
    told = call("quantize", model, "-c", folder, "-o", out, "--json")
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert document["schema"] == "zif.quantize/1"
    doubt = document["calibration"].pop("spread_db")
    assert doubt is not None
    assert 0 < doubt < 10
    counts = {"samples": 4, "held_out": 4, "chosen_on": 4, "chosen_unseen": 4}
    assert document["calibration"] == {**counts, "random": False}
    assert document["outputs"]["y"]["sqnr_db"] > 20
    assert len(document["trials"]) >= 6
    made = onnx.load(out)
    onnx.checker.check_model(made, full_check=True)
    assert sqnr(run(cnn(), SAMPLES[0]), run(made, SAMPLES[0])) > 20
    beside = json.loads((tmp_path / "q.encodings.json").read_text())
    assert set(beside["activation_encodings"]) >= {"x", "a", "y"}
    assert len(beside["param_encodings"]["w1"]) in (1, 8)


def test_weights_that_are_asked_for_are_not_searched_but_methods_are(model: Path, folder: Path, tmp_path: Path) -> None:
    told = call("quantize", model, "-c", folder, "-o", tmp_path / "q.onnx", "--per-tensor", "--json")
    trials = [trial["recipe"] for trial in json.loads(told.stdout)["trials"]]
    assert len(trials) == 4
    assert all("per channel" not in trial for trial in trials)


def test_the_encodings_that_were_written_give_the_same_model(model: Path, folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.onnx", tmp_path / "b.onnx"
    for form in ("qnn", "0.6.1", "1.0.0", "2.0.0"):
        args = ("--method", "minmax", "--encodings-format", form)
        assert call("quantize", model, "-c", folder, "-o", first, *args).exit_code == 0
        assert call("quantize", model, "--encodings", tmp_path / "a.encodings.json", "-o", second).exit_code == 0
        a, b = onnx.load(first), onnx.load(second)
        np.testing.assert_array_equal(run(a, SAMPLES[1]), run(b, SAMPLES[1]))


@pytest.mark.parametrize("kind", ["npz", "npy", "batch", "entries", "list", "raw"])
def test_every_way_to_give_data_gives_the_same_ranges(kind: str, folder: Path, tmp_path: Path) -> None:
    ready = prepare(cnn())
    path = tmp_path / f"calibration.{'npy' if kind in ('npy', 'batch') else 'npz'}"
    if kind == "npz":
        np.savez(path, x=STACKED)
    elif kind in ("npy", "batch"):
        np.save(path, STACKED if kind == "npy" else STACKED[:, 0])
    elif kind == "entries":
        np.savez(path, *[sample["x"] for sample in SAMPLES])
    elif kind == "list":
        path = tmp_path / "input_list.txt"
        path.write_text("\n".join(f"x:={folder / f'{number}.npy'}" for number in range(4)))
    else:
        path = tmp_path / "raw"
        path.mkdir()
        for number, sample in enumerate(SAMPLES):
            (path / f"{number}.raw").write_bytes(sample["x"].tobytes())
    found = samples.samples_of(path, ready)
    assert len(found) == 4
    for got, sample in zip(found, SAMPLES, strict=True):
        np.testing.assert_array_equal(got["x"], sample["x"])


def test_a_model_of_two_inputs_takes_a_folder_for_each(tmp_path: Path) -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "aby"]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"], "add")], "g", ends[:2], ends[2:])
    ready = prepare(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(3):
            np.save(tmp_path / name / f"{number}.npy", np.full((1, 2), number, np.float32))
    found = samples.samples_of(tmp_path, ready)
    assert [float(sample["a"][0, 0] + sample["b"][0, 1]) for sample in found] == [0, 2, 4]
    (tmp_path / "b" / "2.npy").unlink()
    with pytest.raises(ZifError, match="as many files each, but have a: 3, b: 2"):
        samples.samples_of(tmp_path, ready)


def test_no_data_is_refused_unless_random_values_are_asked_for(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "q.onnx"
    assert "no calibration data" in error("quantize", model, "-o", out)
    told = call("quantize", model, "-o", out, "--random-calibration", "--method", "minmax")
    assert told.exit_code == 0, told.output
    assert "random values" in told.stderr


def test_a_wrong_call_writes_nothing(model: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "q.onnx"
    np.save(folder / "bad.npy", np.zeros((1, 3, 8, 8), np.float32))
    assert "bad.npy: input 'x' has shape [1, 3, 8, 8]" in error("quantize", model, "-c", folder, "-o", out)
    bad = SAMPLES[0]["x"].copy()
    bad[0, 0, 1, 1] = np.nan
    np.save(folder / "bad.npy", bad)
    assert "bad.npy: input 'x' holds nan at [0, 0, 1, 1]" in error("quantize", model, "-c", folder, "-o", out)
    (folder / "bad.npy").unlink()
    (folder / "a.png").write_bytes(b"")
    (folder / "b.raw").write_bytes(b"")
    told = error("quantize", model, "-c", folder, "-o", out)
    assert "mixes kinds of files: npy (0.npy), image (a.png), raw (b.raw)" in told
    assert not out.exists()
    assert not out.parent.exists()


def test_what_is_read_is_never_written_over(model: Path, folder: Path, tmp_path: Path) -> None:
    before = model.read_bytes()
    assert "would be lost" in error("quantize", model, "-c", folder, "-o", model)
    assert model.read_bytes() == before
    given = tmp_path / "q.encodings.json"
    given.write_text(json.dumps({"activation_encodings": {"x": [{"bitwidth": 8, "min": -1.0, "max": 1.55}]}}))
    before = given.read_bytes()
    told = error("quantize", model, "--encodings", given, "-o", tmp_path / "q.onnx")
    assert "q.encodings.json is read by this command" in told
    assert given.read_bytes() == before


def test_a_place_that_cannot_be_written_is_refused_before_the_work(model: Path, tmp_path: Path) -> None:
    assert "is a folder" in error("quantize", model, "-c", tmp_path / "no data", "-o", tmp_path)
    told = error("quantize", model, "-c", tmp_path / "no data", "-o", model / "q.onnx")
    assert "cnn.onnx is no folder" in told


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--precision", "w3a3"], "unknown precision 'w3a3'"),
        (["--method", "best"], "unknown method 'best'"),
        (["--unit", "conv9=float"], "no unit 'conv9'"),
        (["--unit", "conv9=float"], "? `zif plan --all-units` lists them"),
        (["--unit", "conv1"], "write NAME=PRECISION"),
        (["--percentile", "99"], "--percentile goes with --method percentile"),
        (["--method", "percentile", "--percentile", "101"], "percentile"),
        (["--encodings-format", "3"], "must be one of"),
        (["--target", "snapdragon-0"], "snapdragon-0"),
        (["--random-calibration"], "give one of them"),
    ],
)
def test_wrong_usage_is_one_clear_message(
    args: list[str], text: str, model: Path, folder: Path, tmp_path: Path
) -> None:
    assert text in error("quantize", model, "-c", folder, "-o", tmp_path / "q.onnx", *args)


def test_open_dimensions_are_told_with_what_to_write(tmp_path: Path) -> None:
    made = cnn()
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(made, tmp_path / "open.onnx")
    told = error("quantize", tmp_path / "open.onnx", "-o", tmp_path / "q.onnx", "--random-calibration")
    assert "open dimensions [N, 3, 16, 16]" in told
    assert "--shape x=1,3,16,16" in told


def test_encodings_that_are_wrong_or_for_another_model(model: Path, folder: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "e.json", tmp_path / "q.onnx"
    entry = {"bitwidth": 8, "min": -1.0, "max": 1.55, "scale": 0.01, "offset": 100}
    path.write_text(json.dumps({"activation_encodings": {"x": entry}}))
    told = error("quantize", model, "--encodings", path, "-o", out)
    assert "offset 100 is positive" in told
    assert "--repair" in told
    shown = call("quantize", model, "--encodings", path, "-o", out, "--repair", "--json")
    assert json.loads(shown.stdout)["repaired"]
    path.write_text(json.dumps({"activation_encodings": {"other": {**entry, "offset": -100}}}))
    assert "no entry of the encodings matches a tensor" in error("quantize", model, "--encodings", path, "-o", out)


def test_encodings_are_filled_from_calibration_and_what_is_left_over_is_told(
    model: Path, folder: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "e.json", tmp_path / "q.onnx"
    entry = {"bitwidth": 8, "scale": 0.125, "offset": -100}
    path.write_text(json.dumps({"activation_encodings": {"a": entry, "gone": entry}}))
    told = call("quantize", model, "--encodings", path, "-c", folder, "-o", out, "--method", "minmax", "--json")
    document = json.loads(told.stdout)
    assert document["unmatched"] == ["gone"]
    assert document["outputs"]["y"]["sqnr_db"] > 5
    scales = json.loads((tmp_path / "q.encodings.json").read_text())["activation_encodings"]
    assert scales["a"][0]["scale"] == 0.125
    assert set(scales) > {"x", "a", "s"}


def test_weights_only_needs_no_data(model: Path, tmp_path: Path) -> None:
    told = call("quantize", model, "-o", tmp_path / "q.onnx", "--precision", "w8", "--json")
    assert told.exit_code == 0, told.output
    made = onnx.load(tmp_path / "q.onnx")
    assert any(node.op_type == "MatMulInteger" for node in made.graph.node)
    assert sqnr(run(cnn(), SAMPLES[0]), run(made, SAMPLES[0])) > 25


def test_weights_only_passes_no_wish_over_without_a_word(model: Path, tmp_path: Path) -> None:
    start = ("quantize", model, "-o", tmp_path / "q.onnx", "--precision", "w8")
    assert "so overrides would change nothing" in error(*start, "--unit", "conv1=float")
    assert "so per_channel, target would change nothing" in error(*start, "-t", "sm8650", "--per-tensor")
    assert not (tmp_path / "q.onnx").exists()


IDLE = (["--frontier", "f.csv"], ["--cost", "energy"], ["--max-candidates", "5"], ["--repair"])


@pytest.mark.parametrize("idle", IDLE)
def test_options_that_would_do_nothing_are_refused(model: Path, folder: Path, tmp_path: Path, idle: Any) -> None:
    told = error("quantize", model, "-c", folder, "-o", tmp_path / "q.onnx", *idle)
    assert "--accuracy-goal" in told or "--encodings" in told


def test_the_float_model_is_not_written_over(model: Path, folder: Path, tmp_path: Path) -> None:
    before = model.read_bytes()
    assert "would be lost" in error("quantize", model, "-c", folder, "-o", tmp_path / "." / model.name)
    assert "is a folder" in error("quantize", model, "-c", folder, "-o", folder)
    assert model.read_bytes() == before


def test_compile_quantizes_first(model: Path, folder: Path, tmp_path: Path) -> None:
    told = call("compile", model, "-o", tmp_path / "b.zif", "--quantize", "w8a8", "-c", folder, "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["quantized"]["sqnr_db"]["y"] > 20
    assert json.loads(told.stdout)["quantized"]["rules"] == []
    config = json.loads((tmp_path / "b.zif" / "quantization_config.json").read_text())
    assert {"activation_encodings", "param_encodings", "activations"} <= set(config)
    with zif.load(tmp_path / "b.zif") as session:
        assert sqnr(run(cnn(), SAMPLES[0]), session.run(SAMPLES[0])["y"]) > 20
    told = call("compile", model, "-o", tmp_path / "c.zif", "-c", folder)
    assert "goes with --quantize" in str(told.exception)


def test_compile_quantizes_by_the_rules_of_its_targets(
    model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def noted(*_: Any, **wishes: Any) -> Any:
        asked.update(wishes)
        raise zif.UsageError("that is enough")

    monkeypatch.setattr("zif.backends.extensions.verb", lambda _: noted)
    words = ("--quantize", "w8a8", "-c", folder, "-t", "host", "-t", "snapdragon-8-gen-3")
    for more, whose in (((), "qnn_htp"), (("--exclude", "qnn_htp"), "default")):
        told = call("compile", model, "-o", tmp_path / "b.zif", *words, *more)
        assert str(told.exception) == "that is enough"
        assert asked["rules"] == prepared_by(prepare(cnn(), rules=whose))


def test_commands_show_check_and_convert(model: Path, folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "q.onnx"
    assert call("quantize", model, "-c", folder, "-o", made, "--method", "minmax").exit_code == 0
    assert "w1" in call("encodings", "show", made).stdout
    beside = tmp_path / "q.encodings.json"
    assert call("encodings", "check", beside, model).exit_code == 0
    for form in ("0.6.1", "1.0.0", "2.0.0", "qnn"):
        out = tmp_path / f"{form}.json"
        assert call("encodings", "convert", beside, "--to", form, "--model", model, "-o", out).exit_code == 0
        assert call("encodings", "check", out, model).exit_code == 0
    beside.write_text(json.dumps({"activation_encodings": {"x": {"bitwidth": 9, "scale": 1.0, "offset": 0}}}))
    told = call("encodings", "check", beside, model)
    assert told.exit_code == 1
    assert "bitwidth 9 is none of" in told.stdout


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    """One sample's activations are held at a time: samples are let go before the next is asked for."""
    import gc
    import weakref

    alive: list[Any] = []
    most = 0

    def many() -> Any:
        nonlocal most
        for seed in range(40):
            value = np.random.default_rng(seed).standard_normal((1, 3, 16, 16)).astype(np.float32)
            alive.append(weakref.ref(value))
            gc.collect()
            most = max(most, sum(ref() is not None for ref in alive))
            yield {"x": value}
            del value

    zif_quantize.calibrate(cnn(), many())
    assert most <= 2
    assert isinstance(measure.Reference(cnn()).run(SAMPLES[0])["y"], np.ndarray)
