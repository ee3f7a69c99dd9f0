"""Caffe for zif: a text (.prototxt) and its weights (.caffemodel) as ONNX, held against OpenCV's reader."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zif import hookimpl
from zif.plugin import Imported, Recognized, Request


@hookimpl
def recognize(source: Any) -> Recognized | None:
    """A network's text or its weights, with the other one beside it."""
    from zif import InvalidModel

    from zif_caffe.source import kind
    from zif_caffe.translate import companion

    kind_ = kind(source) if isinstance(source, Path) else ""
    if not kind_:
        return None
    what = "a Caffe network" if kind_ == "text" else "the weights of a Caffe model"
    try:
        other = companion(source, text=kind_ == "text")
    except InvalidModel as error:
        return Recognized(what, _toolchain(), problem=str(error))
    return Recognized(what, _toolchain(), (str(source), str(other)))


def _toolchain() -> str:
    try:
        judge = f"OpenCV {importlib.metadata.version('opencv-python-headless')}"
    except importlib.metadata.PackageNotFoundError:
        judge = "no OpenCV to run it"
    return f"zif-caffe's own reader, {judge}"


@hookimpl
def convert(source: Path, request: Request, folder: Path) -> Imported:
    """Layer by layer."""
    from zif_caffe.source import converted

    return converted(source, request, folder)


@hookimpl
def run(source: Path, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """By OpenCV's reader, which shares no code with this one."""
    from zif_caffe.source import judged

    return judged(source, request, inputs)
