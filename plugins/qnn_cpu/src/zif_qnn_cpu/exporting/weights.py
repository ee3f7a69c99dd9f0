"""Weights that are too many for one protobuf message, in a file beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

import onnx
from onnx.external_data_helper import set_external_data
from zif.plugin import all_graphs, write_whole

if TYPE_CHECKING:
    from pathlib import Path

#: A message may have 2 GiB; what is small stays in it.
MOST, LEAST, ALIGNMENT = 1 << 30, 1024, 4096


def put_outside(model: onnx.ModelProto, place: Path, most: int = MOST) -> Path | None:
    """Move large tensors into a file, when the model has more than `most` bytes; the file, or None."""
    tensors = [
        initializer
        for graph in all_graphs(model.graph)
        for initializer in graph.initializer
        if len(initializer.raw_data) >= LEAST
    ]
    if sum(len(tensor.raw_data) for tensor in tensors) + _embedded(model) <= most:
        return None
    write_whole(place, lambda file: _move(tensors, file, place.name))
    return place


def _move(tensors: Iterable[onnx.TensorProto], file: BinaryIO, name: str) -> None:
    for tensor in tensors:
        file.write(bytes(-file.tell() % ALIGNMENT))
        set_external_data(tensor, name, file.tell(), len(tensor.raw_data))
        file.write(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL


def _embedded(model: onnx.ModelProto) -> int:
    return sum(node.ByteSize() for node in model.graph.node)
