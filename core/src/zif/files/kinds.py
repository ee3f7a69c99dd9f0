"""What a file or a folder is, by what it holds: models of other frameworks, and what is no model at all.

A name alone says nothing, and nothing is parsed beyond a head, a list of members or a layout. `None` stands for what
may be ONNX, which its own reader decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from zif.errors import InvalidModel
from zif.files.formats import (
    ARCHIVE,
    CAFFE,
    CORE_ML,
    MAGIC,
    OLD_PICKLE,
    PICKLE,
    SKLEARN,
    STATE,
    TENSORFLOW,
    TEXTS,
    TORCH,
    Kind,
)
from zif.files.members import zip_members
from zif.files.opening import is_plain, open_plain

#: So much of a file is looked at.
HEAD = 4096
CHECKPOINT = Kind("a PyTorch checkpoint", TORCH)


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
    recognized = next((kind for magic, at, kind in MAGIC if head[at : at + len(magic)] == magic), None)
    if recognized is not None:
        return recognized
    return next((kind for test in _TESTS if (kind := test(path, head)) is not None), None)


def _folder(path: Path) -> Kind | None:
    if (path / "manifest.json").is_file():  # a bundle's own reader says more
        return None
    if next(path.iterdir(), None) is None:
        return Kind("an empty folder", way="name the model's file or folder")
    return next((kind for names, kind in _FOLDERS if any(any(path.glob(name)) for name in names)), None)


#: A folder is what one of these names in it says.
_FOLDERS: tuple[tuple[tuple[str, ...], Kind], ...] = (
    (("saved_model.pb", "saved_model.pbtxt"), Kind("a TensorFlow SavedModel", TENSORFLOW)),
    (("Manifest.json",), Kind("a Core ML package", way=CORE_ML)),
    (("coremldata.bin", "model.mil"), Kind("a compiled Core ML model", way=CORE_ML)),
    (
        ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin", "tf_model.h5", "flax_model.msgpack"),
        Kind("a checkpoint of transformers", way=f"{STATE}; `optimum-cli export onnx` writes ONNX from it"),
    ),
    (("checkpoint", "*.ckpt*.index", "_METADATA", "manifest.ocdbt"), Kind("a checkpoint", way=STATE)),
    (("model.json",), Kind("a TensorFlow.js model", way="`tensorflowjs_converter` writes Keras' format from it")),
)


def _safetensors(_: Path, head: bytes) -> Kind | None:
    size = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= size <= 100_000_000 and head[9:10] in (b'"', b"}", b" "):
        return Kind("a safetensors file", way=STATE)
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
    return Kind("a zip archive", way=ARCHIVE)


def _pickle(_: Path, head: bytes) -> Kind | None:
    """Protocols 2 to 5; torch's format of before 1.6 begins with the pickle of a long number of its own."""
    if OLD_PICKLE.match(head):
        return PICKLE
    if len(head) < 3 or head[0] != 0x80 or not 2 <= head[1] <= 5:
        return None
    if head[2:].startswith(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."):
        return CHECKPOINT
    return SKLEARN if b"sklearn." in head else PICKLE


def _protobuf(_: Path, head: bytes) -> Kind | None:
    """A GraphDef begins with a node, which begins with its name; Caffe's NetParameter with its own name, or a layer."""
    if _is_core_ml(head):
        return Kind("a Core ML model", way=CORE_ML)
    if not head.startswith(b"\x0a"):
        return _caffe_without_name(head)
    size, at = _varint(head, 1)
    inner = head[at : at + size]
    if inner[:1] == b"\x0a" and len(inner) > 2:
        length, name = _varint(inner, 1)
        if inner[name + length : name + length + 1] == b"\x12":
            return Kind("a frozen TensorFlow graph", TENSORFLOW)
    if not inner.isascii() or b"\0" in inner:
        return None
    after = head[at + size :]
    named = after[:2] in (b"\xa2\x06", b"\x1a\x04", b"\x1a\x05") or after[:1] in (b"\x22", b"\x42")
    if named or (after[:1] == b"\x12" and after[_varint(after, 1)[1] :][:1] in _V1_BEGINS):
        return Kind("the weights of a Caffe model", CAFFE)
    return None


#: What the message of a layer begins with: bottoms, tops, its name, its type, or a message in the first format.
_V1_BEGINS = (b"\x12", b"\x1a", b"\x22", b"\x28", b"\x0a")


def _is_core_ml(head: bytes) -> bool:
    """A version, and a message of inputs, where ONNX has its producer's name."""
    if head[:1] != b"\x08" or head[2:3] != b"\x12":
        return False
    size, at = _varint(head, 3)
    length, inner = _varint(head, at + 1)
    return head[at : at + 1] == b"\x0a" and inner - at + length <= size and head[inner : inner + 1] == b"\x0a"


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
    return next((kind for pattern, kind in TEXTS if pattern.match(text)), None)


_TESTS: tuple[Callable[[Path, bytes], Kind | None], ...] = (_zip, _safetensors, _pickle, _protobuf, _text)
