"""The two files of a network: told apart, read together, converted, and run by OpenCV."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from zif import BackendUnavailable, InvalidModel, UsageError
from zif.plugin import TEXT, WEIGHTS, Imported, Request, read_bytes, write_whole

from zif_caffe.network import read
from zif_caffe.translate import companion, convert

_LAYER = re.compile(rb"^\s*(layers?\s*:?\s*\{|input\s*:)", re.MULTILINE)
_HEAD = 1 << 16
#: What a layer's message begins with: bottoms, tops, its name, its type, or a message in the first format.
_V1_BEGINS = (b"\x12", b"\x1a", b"\x22", b"\x28", b"\x0a")


def kind(path: Path) -> str:
    """ "text", "weights", or "" for neither: by what the file holds."""
    if not path.is_file():
        return ""
    data = read_bytes(path, WEIGHTS, InvalidModel)[:_HEAD]
    if b"\0" not in data and _LAYER.search(data):
        return "text"
    return "weights" if _is_weights(data) else ""


def _is_weights(data: bytes) -> bool:
    """A name and then layers of one version or the other, as protobuf writes them."""
    at = 0
    if data[:1] == b"\x0a" and len(data) > 1 and data[1] < 0x80:
        at = 2 + data[1]
        if not data[2:at].isascii() or b"\0" in data[2:at]:
            return False
    if data[at : at + 2] in (b"\xa2\x06", b"\x1a\x04", b"\x1a\x05"):
        return True
    layer = at + 1
    while layer < len(data) and data[layer] & 0x80:
        layer += 1
    return data[at : at + 1] == b"\x12" and data[layer + 1 : layer + 2] in _V1_BEGINS


def pair(path: Path) -> tuple[Path, Path]:
    """Text and weights. Raises InvalidModel."""
    text = kind(path) == "text"
    other = companion(path, text=text)
    return (path, other) if text else (other, path)


def converted(source: Path, request: Request, folder: Path) -> Imported:
    """The network as `model.onnx` in the folder."""
    if request.layout == "nhwc":
        raise UsageError("layout nhwc: Caffe's pictures are NCHW, and stay so; `source` and `nchw` keep them")
    made = convert(read(*pair(source)), request.shapes, request.opset)
    write_whole(folder / "model.onnx", made.model.SerializeToString())
    opset = made.model.opset_import[0].version
    return Imported("model.onnx", "zif-caffe", opset, notes=made.notes)


def _judge() -> str:
    from zif.plugin import to_install

    return to_install("zif-caffe[judge]")


def judged(source: Path, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What OpenCV computes. Raises BackendUnavailable without one that reads Caffe."""
    try:
        import cv2
    except ImportError as error:
        raise BackendUnavailable(f"OpenCV 4, which runs the source, is not installed: {_judge()}") from error
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        raise BackendUnavailable(f"OpenCV {cv2.__version__} has no reader of Caffe: {_judge()}")
    network = read(*pair(source))
    ends = convert(network, request.shapes, request.opset).model.graph
    names = [value.name for value in ends.output]
    try:
        net = cv2.dnn.readNetFromCaffe(*_texts(source, request))
        net.enableFusion(False)
        for name, value in inputs.items():
            net.setInput(np.ascontiguousarray(value, np.float32), name)
        made = net.forward(_layers_of(network, names, set(net.getLayerNames())))
    except cv2.error as error:
        said = str(error).strip().splitlines()[-1]
        raise BackendUnavailable(f"OpenCV {cv2.__version__} cannot run the source: {said}") from error
    heads = {layer.tops[0] for layer in network.layers if layer.type == "DetectionOutput"}
    pairs = zip(names, map(np.asarray, made), strict=True)
    return {name: _detections(value) if name in heads else value for name, value in pairs}


def _detections(rows: Any) -> Any:
    """OpenCV fills up with rows of zeros; Caffe does not, and has one row of -1 where nothing was found."""
    kept = rows[:, :, rows[0, 0].any(axis=-1)]
    return kept if kept.shape[2] else np.full((1, 1, 1, 7), -1, np.float32)


def _texts(source: Path, request: Request) -> tuple[Any, Any]:
    text, weights = pair(source)
    data = read_bytes(text, TEXT, InvalidModel)
    if request.shapes:
        raise BackendUnavailable("OpenCV runs the source in the shapes of its text, not in those that were asked for")
    return np.frombuffer(data, np.uint8), np.frombuffer(read_bytes(weights, WEIGHTS, InvalidModel), np.uint8)


def _layers_of(network: Any, outputs: list[str], known: set[str]) -> list[str]:
    """The layers that make the outputs last, which is what OpenCV asks for. It calls some after what they make."""
    makers = {top: layer.name for layer in network.layers for top in layer.tops}
    return [makers[name] if makers[name] in known else name for name in outputs]
