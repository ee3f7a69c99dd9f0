"""What a source is, found out without TensorFlow and without running anything of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from zif import InvalidModel
from zif.plugin import Recognized, open_plain, versions, zip_contents, zip_members

#: What each kind is called, by the word that the rest of this package uses.
WORDS = {
    "saved_model": "a TensorFlow SavedModel",
    "tflite": "a TFLite model",
    "keras": "a Keras model",
    "h5": "a Keras model in HDF5",
    "graph": "a frozen TensorFlow graph",
}
#: However it is spaced; what hides from this, Keras itself refuses to run without --trust.
_LAMBDA = re.compile(rb'"class_name"\s*:\s*"Lambda"')
#: So much of a model's description is read.
_TOLD = 64 << 20
_WEIGHTS = (
    "it holds arrays and no layers: build the model in Keras, call load_weights, and save it whole with "
    "model.save('m.keras')"
)


def recognized(source: Any) -> Recognized | None:
    """The answer of the hook `recognize`."""
    if not isinstance(source, Path):
        modules = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
        ours = {"keras", "tensorflow", "tf_keras"} & modules
        return Recognized(f"a {min(ours)} {type(source).__name__}", toolchain()) if ours else None
    kind = kind_of(source)
    if not kind:
        return None
    if kind == "weights":
        return Recognized("weights of Keras", toolchain(), problem=_WEIGHTS)
    runs = "a Lambda layer's pickled code" if kind in ("keras", "h5") and _has_lambda(source, kind) else ""
    return Recognized(WORDS[kind], toolchain(), (str(source),), runs=runs)


def toolchain() -> str:
    """TensorFlow and the converter, with their versions."""
    return versions({"TensorFlow": "tensorflow-cpu tensorflow", "tf2onnx": "tf2onnx"})


def kind_of(path: Path) -> str:
    """A word of WORDS, "weights" for arrays of Keras without layers, or "" for what is not TensorFlow's."""
    if path.is_dir():
        return "saved_model" if (path / "saved_model.pb").is_file() else ""
    if not path.is_file():
        return ""
    with open_plain(path, InvalidModel) as stream:
        head = stream.read(4096)
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        _check_end(path, head)
        return "h5" if b"model_config" in whole(path) else "weights"
    if head.startswith(b"PK\x03\x04"):
        return "keras" if {"config.json", "metadata.json"} <= set(zip_members(path)) else ""
    return "graph" if _is_graph(head) else ""


def _check_end(path: Path, head: bytes) -> None:
    """HDF5 says in its first block where it ends. Raises InvalidModel for what is shorter."""
    place = {0: 40, 1: 44}.get(head[8], 28) if len(head) > 8 else 0
    end = int.from_bytes(head[place : place + 8], "little")
    size = path.stat().st_size
    if size < 48 or (end < 1 << 48 and size < end):
        raise InvalidModel(f"{path} is cut off: it has {size} bytes of HDF5, which end at {end}: copy it again")


def _is_graph(head: bytes) -> bool:
    """A GraphDef begins with a node, which begins with its name and its operator."""
    if head[:1] != b"\x0a":
        return False
    at = 2 if len(head) > 1 and head[1] < 0x80 else 3
    if head[at : at + 1] != b"\x0a" or len(head) < at + 2:
        return False
    behind = at + 2 + head[at + 1]
    return head[behind : behind + 1] == b"\x12"


def _has_lambda(path: Path, kind: str) -> bool:
    """Whether a layer brings code of its own, which Keras pickles into the model's description."""
    if kind == "h5":
        return _LAMBDA.search(whole(path)) is not None
    told = next((content.read(_TOLD) for name, content in zip_contents(path) if name == "config.json"), b"")
    return _LAMBDA.search(told) is not None


def whole(path: Path) -> bytes:
    """The first 64 MiB: HDF5 keeps a model's description near its head."""
    with open_plain(path, InvalidModel) as stream:
        return stream.read(64 << 20)
