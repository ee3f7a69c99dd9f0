"""What a file or a folder is, by what it holds: models of other frameworks, and what is no model at all.

A name alone says nothing, and nothing is parsed beyond a head, a list of members or a layout. `None` stands for what
may be ONNX, which its own reader decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from zif.errors import InvalidModel
from zif.files.members import zip_members
from zif.files.opening import is_plain, open_plain

#: So much of a file is looked at.
HEAD = 4096


class Kind(NamedTuple):
    """What something is. frontend: the distribution that converts it; "" where `way` says what else to do."""

    what: str
    frontend: str = ""
    way: str = ""


TORCH, TENSORFLOW, CAFFE, JAX = "zif-torch", "zif-tensorflow", "zif-caffe", "zif-jax"

CHECKPOINT = Kind("a PyTorch checkpoint", TORCH)
_STATE = "it holds arrays and no operators: build the model in its framework, load them, and give zif the model"
_PICKLE = Kind("a Python pickle", way="reading one runs code, so zif reads none: save the model in its own format")
_NO_WAY = "it has no way back to ONNX: convert the model that it was made from"
_PICTURE = Kind("a picture", way="it goes with --input NAME=FILE; the model is another file")
_ARCHIVE = "unpack it, and name the model inside"

#: What stands at the beginning of a file.
_MAGIC: tuple[tuple[bytes, int, Kind], ...] = (
    (b"TFL3", 4, Kind("a TFLite model", TENSORFLOW)),
    (b"\x89HDF\r\n\x1a\n", 0, Kind("an HDF5 file, as Keras and Caffe write them", TENSORFLOW)),
    (b"GGUF", 0, Kind("a GGUF file", way=f"{_STATE} as ONNX; llama.cpp runs it as it is")),
    (b"\x93NUMPY", 0, Kind("a numpy array", way="it goes with --input NAME=FILE; the model is another file")),
    (b"7767517", 0, Kind("an ncnn model", way=_NO_WAY)),
    (
        b"ftrt",
        0,
        Kind("a TensorRT engine", way=_NO_WAY),
    ),
    (b"\x1f\x8b", 0, Kind("a gzip archive", way=_ARCHIVE)),
    (b"BZh", 0, Kind("a bzip2 archive", way=_ARCHIVE)),
    (b"\xfd7zXZ\0", 0, Kind("an xz archive", way=_ARCHIVE)),
    (b"7z\xbc\xaf\x27\x1c", 0, Kind("a 7z archive", way=_ARCHIVE)),
    (b"(\xb5/\xfd", 0, Kind("a zstd archive", way=_ARCHIVE)),
    (b"ustar", 257, Kind("a tar archive", way=_ARCHIVE)),
    (b"%PDF", 0, Kind("a PDF", way="name the model file")),
    (b"\x89PNG", 0, _PICTURE),
    (b"\xff\xd8\xff", 0, _PICTURE),
    (
        b"version https://git-lfs",
        0,
        Kind("a Git LFS pointer", way="`git lfs pull` fetches the file behind it"),
    ),
)


def kind_of(path: Path) -> Kind | None:
    """What lies there, if it is known and not ONNX. Raises InvalidModel for a file that cannot be read."""
    if path.is_dir():
        return _folder(path)
    if not is_plain(path):
        return None
    with open_plain(path, InvalidModel) as stream:
        return kind_of_file(path, stream.read(HEAD))


def kind_of_file(path: Path, head: bytes) -> Kind | None:
    """The same of a file that is open already; head: its first `HEAD` bytes."""
    found = next((kind for magic, at, kind in _MAGIC if head[at : at + len(magic)] == magic), None)
    if found is not None:
        return found
    return next((kind for test in _TESTS if (kind := test(path, head)) is not None), None)


def _folder(path: Path) -> Kind | None:
    if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
        return Kind("a TensorFlow SavedModel", TENSORFLOW)
    if (path / "Manifest.json").is_file() and (path / "Data").is_dir():
        return Kind("a Core ML package", way="coremltools has no way back to ONNX: convert the model it was made from")
    if (path / "config.json").is_file() and any(path.glob("*.safetensors")):
        return Kind("a checkpoint of transformers", way=f"{_STATE}; `optimum-cli export onnx` writes ONNX from it")
    return None


def _safetensors(_: Path, head: bytes) -> Kind | None:
    size = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= size <= 100_000_000 and head[9:10] in (b'"', b"}", b" "):
        return Kind("a safetensors file", way=_STATE)
    return None


def _zip(path: Path, head: bytes) -> Kind | None:
    if not head.startswith(b"PK\x03\x04"):
        return None
    names = set(zip_members(path))
    last = {name.rpartition("/")[2] for name in names}
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        script = "constants.pkl" in last or any("/code/" in name for name in names)
        return Kind("a TorchScript module", TORCH) if script else CHECKPOINT
    if {"archive_format", "archive_version"} & last or "serialized_exported_program.json" in last:
        return Kind("a PyTorch exported program", TORCH)
    if "config.json" in names and {"metadata.json", "model.weights.h5"} & names:
        return Kind("a Keras model", TENSORFLOW)
    if any(name.endswith(".npy") for name in names):
        return Kind("arrays of numpy", way="they go with --samples or --input; the model is another file")
    return Kind("a zip archive", way=_ARCHIVE)


def _pickle(_: Path, head: bytes) -> Kind | None:
    """Protocols 2 to 5; torch's format of before 1.6 begins with the pickle of a long number of its own."""
    if len(head) < 3 or head[0] != 0x80 or not 2 <= head[1] <= 5:
        return None
    if head[2:].startswith(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."):
        return CHECKPOINT
    return _PICKLE


def _protobuf(_: Path, head: bytes) -> Kind | None:
    """A GraphDef begins with a node, which begins with its name; Caffe's NetParameter with its own name, or a layer."""
    if not head.startswith(b"\x0a"):
        return _caffe_without_name(head)
    size, at = _varint(head, 1)
    inner = head[at : at + size]
    if inner[:1] == b"\x0a" and len(inner) > 2:
        length, name = _varint(inner, 1)
        if inner[name + length : name + length + 1] == b"\x12":
            return Kind("a frozen TensorFlow graph", TENSORFLOW)
    after = head[at + size : at + size + 2]
    if after[:2] in (b"\xa2\x06", b"\x1a\x04") or after[:1] in (b"\x12", b"\x1a", b"\x22", b"\x42"):
        return Kind("the weights of a Caffe model", CAFFE)
    return None


def _caffe_without_name(head: bytes) -> Kind | None:
    return Kind("the weights of a Caffe model", CAFFE) if head.startswith((b"\xa2\x06", b"\x1a\x04data")) else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for place in range(at, min(at + 5, len(data))):
        value |= (data[place] & 0x7F) << shift
        if not data[place] & 0x80:
            return value, place + 1
        shift += 7
    return 0, at + 5


#: A layer of Caffe, whose text needs no colon before a message.
_LAYER = re.compile(r"^\s*(layers?\s*:?\s*\{|input\s*:\s*[\"']|input_(dim|shape)\b)", re.MULTILINE)


def _text(_: Path, head: bytes) -> Kind | None:
    if b"\0" in head:
        return None
    text = head.decode("utf-8", "ignore").lstrip("\ufeff")
    if _LAYER.search(text) and "ir_version" not in text:
        return Kind("a Caffe network", CAFFE)
    if re.match(r"\s*(<\?xml[^>]*>\s*)?<net\s", text):
        return Kind("an OpenVINO model", way=_NO_WAY)
    if re.match(r"\s*node\s*\{\s*name\s*:", text):
        return Kind("a TensorFlow graph as text", TENSORFLOW)
    return None


_TESTS: tuple[Callable[[Path, bytes], Kind | None], ...] = (_zip, _safetensors, _pickle, _protobuf, _text)
