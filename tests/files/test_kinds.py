"""What a file is, by what it holds and never by its name."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from small import classifier
from zif import InvalidModel, Model
from zif.files.kinds import kind_of


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return data.getvalue()


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf that is text, bytes or a message."""
    tag, key = number << 3 | 2, b""
    while tag > 127:
        key, tag = key + bytes([tag & 127 | 128]), tag >> 7
    return key + bytes([tag, len(content)]) + content


SAFETENSORS = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
FILES = {
    "a TFLite model": b"\x1c\0\0\0TFL3" + bytes(64),
    "an HDF5 file, as Keras and Caffe write them": b"\x89HDF\r\n\x1a\n" + bytes(64),
    "a GGUF file": b"GGUF\3\0\0\0" + bytes(32),
    "a safetensors file": struct.pack("<Q", len(SAFETENSORS)) + SAFETENSORS + bytes(4),
    "a Python pickle": pickle.dumps({"w": 1}, protocol=4),
    "a PyTorch checkpoint": zipped("archive/data.pkl", "archive/data/0", "archive/version"),
    "a TorchScript module": zipped("net/data.pkl", "net/constants.pkl", "net/code/__torch__.py"),
    "a PyTorch exported program": zipped("net/archive_format", "net/models/model.json"),
    "a Keras model": zipped("metadata.json", "config.json", "model.weights.h5"),
    "a zip archive": zipped("readme.txt"),
    "a frozen TensorFlow graph": field(1, field(1, b"input") + field(2, b"Placeholder")),
    "the weights of a Caffe model": field(1, b"net") + field(100, field(1, b"conv1")),
    "a Caffe network": b'name: "n"\ninput: "data"\ninput_dim: 1\nlayer { name: "c" type: "Convolution" }\n',
    "a TensorFlow graph as text": b'node {\n  name: "x"\n  op: "Placeholder"\n}\n',
    "an OpenVINO model": b'<?xml version="1.0"?>\n<net name="m" version="11">\n',
    "a numpy array": b"\x93NUMPY\1\0" + bytes(64),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(16),
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "a gzip archive": b"\x1f\x8b\x08" + bytes(16),
    "a pickle of scikit-learn": b"\x80\x04\x95\x20\0\0\0\0\0\0\0\x8c\x14sklearn.linear_model\x94.",
    "a pickle that joblib compressed": zlib.compress(pickle.dumps({"w": 1}), 3),
    "a TensorRT engine": b"ptrt\xb0\0\0\0" + bytes(64),
    "an ExecuTorch program": b"\x1c\0\0\0ET12" + bytes(64),
    "a model in ONNX Runtime's own format": b"\x1c\0\0\0ORTM" + bytes(64),
    "an ncnn model": struct.pack("<I", 7767517) + bytes(64),
    "a GGML file": b"tjgg" + bytes(64),
    "a Core ML model": b"\x08\x07" + field(2, field(1, field(1, b"image") + field(3, b"\x2a\0"))) + field(100, b""),
    "an XGBoost model": b'{"learner":{"attributes":{},"gradient_booster":{}}}',
    "a LightGBM model": b"tree\nversion=v4\nnum_class=1\n",
    "an MXNet network": b'{"nodes": [{"op": "null"}], "attrs": {"mxnet_version": ["int", 10500]}}',
    "a TensorFlow.js model": b'{"format": "layers-model", "modelTopology": {}, "weightsManifest": []}',
    "a Keras model's layers": b'{"module": "keras", "class_name": "Functional", "config": {}}',
    "a Darknet network": b"# YOLO\n[net]\nbatch=1\n",
    "a web page": b"<!DOCTYPE html><html><title>404</title></html>",
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("name", ["model.onnx", "x.bin"])
def test_a_file_is_what_it_holds(tmp_path: Path, what: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[what])
    kind = kind_of(path)
    assert kind is not None
    assert kind.what == what
    assert kind.frontend or kind.way


@pytest.mark.parametrize("what", FILES)
def test_the_error_says_what_it_is(tmp_path: Path, what: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(FILES[what])
    with pytest.raises(InvalidModel, match=what):
        Model.load(path)


@pytest.mark.parametrize(
    ("files", "what"),
    [
        (["saved_model.pb"], "a TensorFlow SavedModel"),
        (["Manifest.json", "Data/x"], "a Core ML package"),
        (["config.json", "model.safetensors"], "a checkpoint of transformers"),
        (["config.json", "pytorch_model.bin"], "a checkpoint of transformers"),
        (["checkpoint", "model.ckpt-1.index"], "a checkpoint"),
        (["coremldata.bin", "model.mil"], "a compiled Core ML model"),
        (["model.json", "group1-shard1of1.bin"], "a TensorFlow.js model"),
        ([], "an empty folder"),
    ],
)
def test_a_folder_is_what_lies_in_it(tmp_path: Path, files: list[str], what: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    kind = kind_of(tmp_path)
    assert kind is not None
    assert kind.what == what


def test_onnx_is_nothing_else(tmp_path: Path) -> None:
    assert kind_of(classifier(tmp_path / "net.pt")) is None
    assert kind_of(tmp_path) is None
    for folder in (Path(onnx.__file__).parent / "backend/test/data").glob("*/*/model.onnx"):
        assert kind_of(folder) is None, folder


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("value", [{"w": 1}, [1, 2.5], Path("x")])
def test_a_pickle_of_any_protocol(tmp_path: Path, protocol: int, value: object) -> None:
    (tmp_path / "x.bin").write_bytes(pickle.dumps(value, protocol))
    kind = kind_of(tmp_path / "x.bin")
    assert kind is not None
    assert kind.what == "a Python pickle"


@pytest.mark.parametrize(
    "content",
    [
        field(1, b"hello") + field(2, b"abc"),
        field(1, field(1, b"\x08\0\x10\1")) + field(3, bytes(40)),  # a message where Caffe has its name
    ],
)
def test_not_every_message_is_caffes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pb").write_bytes(content)
    assert kind_of(tmp_path / "x.pb") is None


def test_a_cut_archive_says_so(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(FILES["a TorchScript module"][:60])
    with pytest.raises(InvalidModel, match="cut off or damaged"):
        kind_of(path)


def test_arrays_are_no_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.ones(3))
    kind = kind_of(tmp_path / "x.npz")
    assert kind is not None
    assert kind.what == "arrays of numpy"
