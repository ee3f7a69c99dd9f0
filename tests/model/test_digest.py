"""The digest: what a model computes, wherever its weights lie and whoever asks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from model.graphs import dense_bytes, dense_pair, model, relu
from onnx import numpy_helper
from zif.model import digest, load


def saved(folder: Path, data: bytes | None) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(dense_pair("w.bin").SerializeToString())
    if data is not None:
        (folder / "w.bin").write_bytes(data)
    return path


def test_inline_and_external_weights_are_the_same(tmp_path: Path) -> None:
    assert load(saved(tmp_path, dense_bytes())).digest == load(dense_pair()).digest


def test_a_changed_weight_is_another_model(tmp_path: Path) -> None:
    first = load(saved(tmp_path, dense_bytes()))
    before = first.digest
    changed = bytearray(dense_bytes())
    changed[70] ^= 1
    os.utime(saved(tmp_path, bytes(changed)).parent / "w.bin", ns=(1, 1))
    second = load(tmp_path / "m.onnx")
    assert second.digest != before
    ids = [unit.id for unit in second.units]
    assert first.fingerprint == second.fingerprint
    assert second.slice(ids[:1], "a").digest == load(dense_pair()).slice(ids[:1], "b").digest  # byte 70 is of the other


def test_missing_weights_still_tell_models_apart(tmp_path: Path) -> None:
    missing = load(saved(tmp_path, None)).digest
    assert missing != load(dense_pair()).digest
    assert missing == load(tmp_path / "m.onnx").digest


def test_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, dense_bytes())
    hashed: list[int] = []
    true = digest._hash_range

    def spy(file: Path, offset: int, length: int) -> bytes:
        hashed.append(offset)
        return true(file, offset, length)

    monkeypatch.setattr(digest, "_hash_range", spy)
    loaded = load(path)
    assert len(loaded.digest) == 64
    for unit in loaded.units:
        assert len(loaded.slice([unit.id], "s").digest) == 64
    assert sorted(hashed) == [0, 64]


def test_names_of_authors_and_comments_do_not_count() -> None:
    proto = dense_pair()
    plain = load(proto).digest
    proto.producer_name, proto.graph.doc_string, proto.graph.name = "someone", "a comment", "another"
    proto.graph.node[0].doc_string = "a comment"
    assert load(proto).digest == plain


@pytest.mark.parametrize("what", ["attribute", "shape", "opset", "type", "edge"])
def test_what_is_computed_counts(what: str) -> None:
    proto = model("g (float[2, 4] x) => (float[2, 4] y) { h = Softmax<axis = 1>(x) y = Sub(h, x) }")
    before = load(proto).digest
    if what == "attribute":
        proto.graph.node[0].attribute[0].i = 0
    elif what == "shape":
        proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    elif what == "opset":
        proto.opset_import[0].version = 18
    elif what == "type":
        proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
        proto.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    else:
        proto.graph.node[1].input[:] = ["x", "h"]
    assert load(proto).digest != before


def test_the_same_in_every_process() -> None:
    code = "import sys; from zif.model import load; m = load(sys.stdin.buffer.read()); print(m.digest, m.fingerprint)"
    data = dense_pair().SerializeToString()
    found = set()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, env=environment, check=True)
        found.add(run.stdout)
    expected = load(dense_pair())
    assert found == {f"{expected.digest} {expected.fingerprint}\n".encode()}


def test_typed_and_raw_fields_of_one_tensor_are_each_stable() -> None:
    proto = relu([4])
    proto.graph.initializer.append(onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2], [1.0, 2.0]))
    assert load(proto).digest == load(proto).digest
    other = relu([4])
    other.graph.initializer.append(onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2], [1.0, 3.0]))
    assert load(other).digest != load(proto).digest
    strings = relu([4])
    strings.graph.initializer.append(numpy_helper.from_array(np.array(["a"], object), "w"))
    assert len(load(strings).digest) == 64
