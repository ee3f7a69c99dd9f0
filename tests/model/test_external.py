"""Weights in other files: not needed to plan, never followed out of the folder, missed only when a model is to run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from model.graphs import dense_bytes, dense_pair, external, model, relu, weights
from onnx import TensorProto, helper, numpy_helper
from strategies import run_whole
from zif.errors import InvalidModel, UsageError
from zif.model import load


def written(folder: Path, location: str = "w.bin", data: bytes | None = None) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(dense_pair(location).SerializeToString())
    if data is not None:
        (folder / location).parent.mkdir(parents=True, exist_ok=True)
        (folder / location).write_bytes(data)
    return path


def test_planning_and_slicing_need_no_data(tmp_path: Path) -> None:
    loaded = load(written(tmp_path))
    assert [unit.weight_bytes for unit in loaded.units] == [64, 64]
    piece = loaded.slice([loaded.units[1].id], "second")
    assert piece.proto.graph.initializer[0].external_data[0].value == "w.bin"
    assert piece.base_dir == tmp_path
    assert len(piece.digest) == 64


def test_planning_opens_no_data_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, data=dense_bytes())
    opened: list[str] = []

    def spied(true_open: Callable[..., object]) -> Callable[..., object]:
        def spy(path: object, *args: object, **kwargs: object) -> object:
            opened.append(Path(str(path)).name)
            return true_open(path, *args, **kwargs)

        return spy

    monkeypatch.setattr(Path, "open", spied(Path.open))
    monkeypatch.setattr(os, "open", spied(os.open))
    loaded = load(path)
    assert loaded.slice([loaded.units[0].id], "first").fingerprint
    assert set(opened) == {"m.onnx"}
    loaded.array("a")
    assert set(opened) == {"m.onnx", "w.bin"}


def test_running_needs_it(tmp_path: Path) -> None:
    loaded = load(written(tmp_path))
    with pytest.raises(InvalidModel, match=r"w\.bin is missing; tensor 'a'"):
        loaded.check_external()
    with pytest.raises(InvalidModel, match=r"w\.bin is missing"):
        loaded.array("b")
    (tmp_path / "w.bin").write_bytes(dense_bytes()[:100])
    with pytest.raises(InvalidModel, match=r"100 bytes.*tensor 'b' lies at bytes 64 to 128"):
        loaded.check_external()
    (tmp_path / "w.bin").write_bytes(dense_bytes())
    loaded.check_external()
    np.testing.assert_array_equal(loaded.array("b"), numpy_helper.to_array(weights("b", 4, 4)))
    assert loaded.external_files() == {"w.bin": tmp_path / "w.bin"}


def test_a_slice_runs_from_the_same_file(tmp_path: Path) -> None:
    import onnxruntime

    loaded = load(written(tmp_path, "sub/w.bin", dense_bytes()))
    piece = loaded.slice([loaded.units[1].id], "second")
    (tmp_path / "piece.onnx").write_bytes(piece.proto.SerializeToString())
    session = onnxruntime.InferenceSession(tmp_path / "piece.onnx")
    h = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(session.run(None, {"h": h})[0], h @ loaded.array("b"), rtol=1e-6)


def test_a_model_without_a_folder_cannot_read_data() -> None:
    loaded = load(dense_pair("w.bin"))
    assert len(loaded.units) == 2
    with pytest.raises(InvalidModel, match="Load it from its path"):
        loaded.check_external()


OUTSIDE = ["/etc/passwd", "../w.bin", "a/../../w.bin", "C:\\w.bin", "..\\w.bin", "\\\\host\\w.bin", ""]


@pytest.mark.parametrize("location", OUTSIDE)
def test_data_outside_the_folder_is_refused_at_load(location: str) -> None:
    proto = dense_pair()
    proto.graph.initializer[0].CopyFrom(external(proto.graph.initializer[0], location))
    with pytest.raises(InvalidModel, match="tensor 'a' keeps its data"):
        load(proto)


def branching(tensor: TensorProto) -> onnx.ModelProto:
    proto = relu([4])
    proto.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    given = helper.make_tensor_value_info("t", TensorProto.FLOAT, [4])
    branch = helper.make_graph([helper.make_node("Add", ["x", "inner"], ["t"])], "b", [], [given], [tensor])
    proto.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))
    proto.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [4]))
    return proto


def test_nested_data_counts_too(tmp_path: Path) -> None:
    inner = external(weights("inner", 4), "../w.bin")
    with pytest.raises(InvalidModel, match="tensor 'inner'"):
        load(branching(inner))
    inner = external(weights("inner", 4), "w.bin")
    path = tmp_path / "m.onnx"
    path.write_bytes(branching(inner).SerializeToString())
    with pytest.raises(InvalidModel, match="tensor 'inner'"):
        load(path).check_external()


def test_external_data_in_an_attribute(tmp_path: Path) -> None:
    value = external(weights("", 4), "/w.bin")
    proto = model("g (float[4] x) => (float[4] y) { y = Add(x, k) }")
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["k"], value=value))
    with pytest.raises(InvalidModel, match="keeps its data"):
        load(proto)
    proto.graph.node[0].attribute[0].t.CopyFrom(external(weights("", 4), "w.bin"))
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    (tmp_path / "w.bin").write_bytes(weights("", 4).raw_data)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.array("k"), numpy_helper.to_array(weights("", 4)))


@pytest.mark.parametrize("key", ["offset", "length"])
@pytest.mark.parametrize("text", ["-1", "many", "1.5"])
def test_places_that_are_no_counts(key: str, text: str) -> None:
    proto = dense_pair("w.bin")
    entry = next(e for e in proto.graph.initializer[0].external_data if e.key == key)
    entry.value = text
    with pytest.raises(InvalidModel, match=f"'a'.*{key}"):
        load(proto)


def test_without_a_length_the_shape_tells_it(tmp_path: Path) -> None:
    proto = dense_pair()
    proto.graph.initializer[1].CopyFrom(external(weights("b", 4, 4), "b.bin"))
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    (tmp_path / "b.bin").write_bytes(weights("b", 4, 4).raw_data + b"more of another tensor")
    np.testing.assert_array_equal(load(path).array("b"), numpy_helper.to_array(weights("b", 4, 4)))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_may_lead_beside_the_linked_model_but_not_elsewhere(tmp_path: Path) -> None:
    """Download caches keep every file as a link into one folder; a link to anywhere else is not followed."""
    blobs, shown = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    shown.mkdir()
    (blobs / "1").write_bytes(dense_pair("w.bin").SerializeToString())
    (blobs / "2").write_bytes(dense_bytes())
    (shown / "m.onnx").symlink_to(blobs / "1")
    (shown / "w.bin").symlink_to(blobs / "2")
    load(shown / "m.onnx").check_external()
    (shown / "m.onnx").unlink()
    (shown / "m.onnx").write_bytes((blobs / "1").read_bytes())
    with pytest.raises(InvalidModel, match="outside the model's folder"):
        load(shown / "m.onnx").check_external()


def test_arrays_by_name() -> None:
    loaded = load(dense_pair())
    np.testing.assert_array_equal(loaded.array("a"), numpy_helper.to_array(weights("a", 4, 4)))
    with pytest.raises(UsageError, match="no initializer 'x'"):
        loaded.array("x")
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(run_whole(loaded.proto, {"x": x})["y"], x @ loaded.array("a") @ loaded.array("b"), 1e-5)


def test_data_that_does_not_fit_its_shape(tmp_path: Path) -> None:
    proto = dense_pair()
    proto.graph.initializer[0].raw_data = b"123"
    with pytest.raises(InvalidModel, match="'a' is invalid: its 16 elements take 64 bytes, and it has 3"):
        load(proto)
