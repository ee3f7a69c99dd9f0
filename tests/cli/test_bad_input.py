"""What people hand over by mistake: each is one paragraph that names the file, node or tensor, with no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from fakes import Result, Site
from onnx import TensorProto, helper, numpy_helper
from small import classifier, save, value


@pytest.fixture
def good(site: Site) -> Site:
    site.add("good")
    return site


def fails(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result
    assert result.out == ""
    assert result.err.startswith("zif: error: ")
    assert "bug in zif" not in result.err
    assert "Traceback" not in result.err
    assert "\n\n" not in result.err.strip()
    for word in words:
        assert word in result.err


def truncated(path: Path) -> None:
    classifier(path)
    path.write_bytes(path.read_bytes()[:-40])


def not_a_model(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 8)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cyclic(path: Path) -> None:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"], "first"), helper.make_node("Relu", ["a"], ["b"], "second")]
    save(path, nodes, [value("x", [2])], [value("b", [2])])


def dangling(path: Path) -> None:
    save(path, [helper.make_node("Add", ["x", "nowhere"], ["y"], "adder")], [value("x", [2])], [value("y", [2])])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (truncated, ["net.onnx"]),
        (not_a_model, ["net.onnx"]),
        (empty, ["net.onnx"]),
        (cyclic, ["first"]),
        (dangling, ["nowhere"]),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_file_that_is_no_valid_model(
    good: Site, tmp_path: Path, command: str, make: Callable[[Path], None], words: list[str]
) -> None:
    make(tmp_path / "net.onnx")
    fails(good.zif(command, tmp_path / "net.onnx", *(["--random", "0"] if command == "run" else [])), 2, *words)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_an_operator_that_nobody_has(site: Site, tmp_path: Path, command: str) -> None:
    site.add("some", OPS={"Relu"})
    nodes = [helper.make_node("Relu", ["x"], ["r"], "relu"), helper.make_node("Frobnicate", ["r"], ["y"], "frob")]
    path = save(tmp_path / "net.onnx", nodes, [value("x", [2])], [value("y", [2])])
    fails(site.zif(command, path, *(["--random", "0"] if command == "run" else [])), 1, "frob (Frobnicate) on some")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_path_that_is_no_file(good: Site, tmp_path: Path, command: str) -> None:
    fails(good.zif(command, tmp_path / "gone.onnx"), 2, "gone.onnx")
    (tmp_path / "folder").mkdir()
    fails(good.zif(command, tmp_path / "folder"), 2, "folder")


def test_a_file_that_may_not_be_read(good: Site, tmp_path: Path) -> None:
    path = classifier(tmp_path / "net.onnx")
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        fails(good.zif("plan", path), 2, "net.onnx")
    else:
        pytest.skip("this user may read everything")
    finally:
        path.chmod(0o600)


def external(path: Path, location: str, size: int | None = None) -> Path:
    """A model whose weight w lies in the file `location`."""
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("offset", "0"), ("length", "64")):
        weight.external_data.add(key=key, value=text)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "mm")
    save(path, [node], [value("x", [1, 4])], [value("y", [1, 4])], [weight])
    if size is not None:
        (path.parent / location).write_bytes(bytes(size))
    return path


def test_external_data_that_is_missing_or_short(good: Site, tmp_path: Path) -> None:
    path = external(tmp_path / "net.onnx", "weights.bin")
    assert good.zif("plan", path).code == 0  # planning needs no weights
    fails(good.zif("run", path, "--random", "0"), 2, "weights.bin", "'w'")
    external(path, "weights.bin", 63)
    fails(good.zif("run", path, "--random", "0"), 2, "weights.bin", "'w'")
    external(path, "weights.bin", 64)
    assert good.zif("run", path, "--random", "0").code == 0


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/passwd", "sub/../../outside.bin"])
def test_external_data_outside_the_folder(good: Site, tmp_path: Path, location: str) -> None:
    (tmp_path / "outside.bin").write_bytes(bytes(64))
    (tmp_path / "inside").mkdir()
    path = external(tmp_path / "inside" / "net.onnx", location)
    fails(good.zif("run", path, "--random", "0"), 2, location)


def test_external_data_behind_a_link_out_of_the_folder(good: Site, tmp_path: Path) -> None:
    (tmp_path / "outside.bin").write_bytes(bytes(64))
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "weights.bin").symlink_to(tmp_path / "outside.bin")
    path = external(tmp_path / "inside" / "net.onnx", "weights.bin")
    fails(good.zif("run", path, "--random", "0"), 2, "weights.bin")


def given(site: Site, tmp_path: Path, *arrays: tuple[str, np.ndarray]) -> Result:
    options: list[str] = []
    for number, (name, array) in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
        options += ["--input", f"{name}={tmp_path / f'{number}.npy'}"]
    return site.zif("run", classifier(tmp_path / "net.onnx"), *options)


def test_inputs_of_the_wrong_type_rank_or_size(good: Site, tmp_path: Path) -> None:
    fails(given(good, tmp_path, ("x", np.zeros((1, 4), np.float64))), 2, "'x'", "float64", "float32 [1, 4]")
    fails(given(good, tmp_path, ("x", np.zeros((4,), np.float32))), 2, "'x'", "[4]", "float32 [1, 4]")
    fails(given(good, tmp_path, ("x", np.zeros((1, 5), np.float32))), 2, "'x'", "[1, 5]", "float32 [1, 4]")


def test_inputs_that_are_missing_or_too_many(good: Site, tmp_path: Path) -> None:
    x = np.zeros((1, 4), np.float32)
    fails(given(good, tmp_path), 2, "'x'", "float32 [1, 4]", "--random")
    fails(given(good, tmp_path, ("x", x), ("z", x)), 2, "no input 'z'", "'x'")
    fails(given(good, tmp_path, ("x", x), ("x", x)), 2, "'x' is given twice")


def test_impossible_calls_of_run(good: Site, tmp_path: Path) -> None:
    model = classifier(tmp_path / "net.onnx")
    (tmp_path / "list.txt").write_text("gone.raw\n")
    fails(good.zif("run", model, "--input-list", tmp_path / "list.txt"), 2, "list.txt, line 1", "gone.raw")
    fails(
        good.zif("run", model, "--input-list", tmp_path / "list.txt", "--random", "0"), 2, "--input-list goes without"
    )
    fails(good.zif("run", model, "--random", "-3"), 2, "--random")
    fails(good.zif("run", model, "--random", "0", "--raw"), 2, "--output")
    fails(good.zif("run", model, "--random", "0", "--repeat", "0"), 2, "--repeat")
    fails(good.zif("run", model, "--random", "0", "--on-fault", "shrug"), 2, "fail or fallback")
    fails(good.zif("run", model, "--random", "0", "--preprocess", "zoom=2"), 2, "unknown key 'zoom'")
    fails(good.zif("run", model, "--random", "0", "-o", model), 2, "cannot be written")


def test_random_values_need_a_shape(good: Site, tmp_path: Path) -> None:
    path = save(
        tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], [value("x", [1, "n"])], [value("y", [1, "n"])]
    )
    fails(good.zif("run", path, "--random", "0"), 2, "'x'", "--shape x=1,…")
    assert good.zif("run", path, "--random", "0", "--shape", "x=1,5").code == 0


def test_nothing_half_written_is_left(good: Site, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "y.npy").mkdir()  # in the way
    fails(good.zif("run", classifier(tmp_path / "net.onnx"), "--random", "0", "-o", tmp_path / "out"), 2, "y.npy")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["y.npy"]


def test_debug_shows_the_cause(good: Site, tmp_path: Path) -> None:
    not_a_model(tmp_path / "net.onnx")
    result = good.zif("plan", tmp_path / "net.onnx", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err
    assert "InvalidModel" in result.err


def test_names_with_control_characters_are_shown_as_such(good: Site, tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], "evil\x1b[31m[bold]:smile:")]
    path = save(tmp_path / "m.onnx", nodes, [value("x", [2])], [value("y", [2])])
    text = good.zif("plan", path, "--all-units").out
    assert "\x1b" not in text
    assert "evil\\x1b[31m[bold]:smile:" in text


def test_a_model_of_a_newer_onnx(good: Site, tmp_path: Path) -> None:
    model = onnx.load(classifier(tmp_path / "net.onnx"))
    model.opset_import[0].version = 4000
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    fails(good.zif("plan", tmp_path / "net.onnx"), 2, "4000")


@pytest.mark.parametrize("command", ["plan", "run", "compare", "profile", "verify"])
def test_a_name_that_no_file_can_have(good: Site, command: str) -> None:
    name = "n" * 5000
    told = good.zif(
        command, name, *([name] if command == "compare" else []), *(["--random", "0"] if command == "run" else [])
    )
    assert told.code == 2
    assert "File name too long" in told.err
    assert len(told.err) < 600
