"""For backends that take ONNX as it is: the model in an artifact, whatever its files are called by now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zif.errors import StageFailed, ZifError
from zif.files.opening import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import onnx

    from zif.records import Compiled


def read_onnx(compiled: Compiled) -> onnx.ModelProto:
    """The ONNX model in the artifact's main file, with the weights from its other files read into it.

    For artifacts of core's default `compile`, and of any other that keeps an ONNX model and its
    `Model.external_files()`. Raises StageFailed when the file is no ONNX model, or weights are not there.
    """
    import onnx

    from zif.model.subgraphs import all_graphs

    try:
        model = onnx.load_model_from_string(content_of(compiled.files[compiled.main]))
        for graph in all_graphs(model.graph):
            _fill(graph.initializer, compiled.files)
    except ZifError:
        raise
    except Exception as error:
        raise StageFailed(f"the artifact's file {compiled.main!r} is no ONNX model: {error}") from error
    return model


def _fill(tensors: Iterable[onnx.TensorProto], files: Mapping[str, bytes | Path]) -> None:
    from zif.model import external

    for tensor in tensors:
        if not external.is_external(tensor):
            continue
        where = external.reference(tensor)
        if where.location not in files:
            raise StageFailed(f"tensor {tensor.name!r} needs the file {where.location!r}, which the artifact lacks")
        tensor.raw_data = content_of(files[where.location], where.offset, where.length)
        tensor.data_location = tensor.DEFAULT
        del tensor.external_data[:]


def content_of(file: bytes | Path, start: int = 0, length: int | None = None) -> bytes:
    """The bytes of an artifact's file, or a part of them. Raises OSError when it cannot be read."""
    if isinstance(file, bytes):
        return file[start : None if length is None else start + length]
    with open_plain(file, OSError) as stream:
        stream.seek(start)
        return stream.read(-1 if length is None else length)
