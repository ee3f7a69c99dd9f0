"""TensorFlow for zif: SavedModel, Keras, frozen graphs and TFLite as ONNX, held against TensorFlow itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zif import hookimpl
from zif.plugin import Imported, Recognized, Request


@hookimpl
def recognize(source: Any) -> Recognized | None:
    """By magic bytes, members and layout; TensorFlow is not imported."""
    from zif_tensorflow.sources import recognized

    return recognized(source)


@hookimpl
def convert(source: Any, request: Request, folder: Path) -> Imported:
    """With tf2onnx."""
    from zif_tensorflow.export import exported

    return exported(source, request, folder)


@hookimpl
def run(source: Any, request: Request, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """By TensorFlow, or its interpreter of TFLite models."""
    from zif_tensorflow.export import computed

    return computed(source, request, inputs)
