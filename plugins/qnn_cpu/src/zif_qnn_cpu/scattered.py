"""External weights in files that do not lie in one folder, handed to ONNX Runtime as mapped memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from zif import InvalidModel
from zif.plugin import DTYPE_BITS, all_graphs, element_dtype

from zif_qnn_cpu.values import PACKED, to_ort, unpack

Files = Mapping[str, bytes | Path]


def hand_over(model: bytes, files: Files, made: onnxruntime.SessionOptions) -> tuple[Any, ...]:
    """Give the engine the external weights as mapped memory, for files that do not lie in one folder.

    The engine keeps the addresses alone: the arrays that are returned must live as long as the session.
    """
    graph = onnx.load_model_from_string(model).graph
    external = [t for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    nested = [t for inner in all_graphs(graph) if inner is not graph for t in inner.initializer]
    stray = next((t for t in nested if t.data_location == onnx.TensorProto.EXTERNAL), None)
    if stray is not None:
        raise InvalidModel(f"tensor {stray.name!r} of a body has its data in a file apart from the others")
    arrays = tuple(_mapped(tensor, files) for tensor in external)
    values = [onnxruntime.OrtValue(to_ort(array)) for array in arrays]
    made.add_external_initializers([tensor.name for tensor in external], values)
    return (*arrays, *values)


def _mapped(tensor: onnx.TensorProto, files: Files) -> np.ndarray[Any, Any]:
    """The weight as it lies in its file: nothing is made of its dims before they are held against what is there."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    file, offset = files[where["location"]], int(where.get("offset", 0))
    dtype, shape = element_dtype(tensor.data_type), list(tensor.dims)
    raw = np.frombuffer(file, np.uint8) if isinstance(file, bytes) else np.memmap(file, np.uint8, "r")
    size = -(-math.prod(shape) * DTYPE_BITS[dtype.name] // 8)
    if min([0, offset, *shape]) < 0 or offset + size > raw.size:
        raise InvalidModel(
            f"tensor {tensor.name!r} wants {size} bytes from {offset} on, and {where['location']} has {raw.size}: "
            "the file is damaged. Copy it again."
        )
    if dtype.name in PACKED:
        return unpack(raw[offset : offset + size].tobytes(), dtype, shape)
    return raw[offset : offset + size].view(dtype).reshape(shape)
