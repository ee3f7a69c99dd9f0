"""The model that a host names, as zif's: read once, with the sizes and initializers that options give."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from zif.errors import InvalidModel, UsageError, ZifError
from zif.model import Model
from zif.model.dtypes import element_dtype, from_array
from zif.model.subgraphs import all_graphs
from zif.runtime.dropin.faults import InvalidArgument, InvalidProtobuf, NoSuchFile, as_theirs, worded

if TYPE_CHECKING:
    from zif.runtime.dropin.options import SessionOptions


def model(source: Any, options: SessionOptions) -> Model:
    """The model. Raises TypeError for what cannot be one, and what ONNX Runtime raises: NoSuchFile and the like."""
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        if not os.path.exists(path):
            raise worded(NoSuchFile, f"Load model from {path} failed:Load model {path} failed. File doesn't exist")
        where = f"Load model from {path} failed:"
    elif isinstance(source, bytes):
        path, where = "", ""
    else:
        raise TypeError(f"Unable to load from type '{type(source)}'")
    if options._entries.get("session.load_model_format") == "ORT" or path.endswith(".ort"):
        raise worded(InvalidProtobuf, f"{where}zif reads no models in ORT's own format: give it the .onnx file")
    try:
        read = Model.load(Path(path) if path else source, None, options._libraries)
        return _with(read, options)
    except ZifError as error:
        raise _as_theirs(error, where) from error


def _as_theirs(error: ZifError, where: str) -> Exception:
    if isinstance(error, (InvalidModel, UsageError)) and ("is not an ONNX model" in str(error) or not where):
        if "holds no graph" in str(error):
            return worded(InvalidArgument, f"No graph was found in the protobuf. {error}")
        if "is not an ONNX model" in str(error):
            return worded(InvalidProtobuf, f"{where}Protobuf parsing failed. {error}")
    if isinstance(error, UsageError) and where:  # a directory, an empty or unreadable file
        return worded(InvalidProtobuf, f"{where}{error}")
    return as_theirs(error)


def _with(read: Model, options: SessionOptions) -> Model:
    """The model with what the options put in the place of its own."""
    if not (options._initializers or options._files or options._dims or options._denotations):
        return read
    proto = onnx.ModelProto()
    proto.CopyFrom(read.proto)
    for tensor in proto.graph.initializer:
        _replace(tensor, options)
    sizes = _sizes(proto.graph.input, options)
    for graph in all_graphs(proto.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param in sizes:
                    dim.dim_value = sizes[dim.dim_param]
    return read.rebuilt(proto)


def _sizes(inputs: Iterable[onnx.ValueInfoProto], options: SessionOptions) -> dict[str, int]:
    """The size of each free dimension by its name; those that have a denotation alone are written at once."""
    sizes = dict(options._dims)
    for value in inputs:
        for dim in value.type.tensor_type.shape.dim:
            size = options._denotations.get(dim.denotation)
            if size is None or dim.HasField("dim_value"):
                continue
            if dim.dim_param:
                sizes[dim.dim_param] = size
            dim.dim_value = size
    return sizes


def _replace(tensor: onnx.TensorProto, options: SessionOptions) -> None:
    initializer = options._initializers.get(tensor.name)
    where = {entry.key: entry.value for entry in tensor.external_data}
    if initializer is not None:
        tensor.CopyFrom(from_array(np.asarray(initializer.numpy()), tensor.name))
    elif where.get("location") in options._files:
        dtype, start = element_dtype(tensor.data_type), int(where.get("offset", 0))
        size = int(np.prod(tensor.dims)) * dtype.itemsize
        content = options._files[where["location"]][start : start + size]
        tensor.CopyFrom(from_array(np.frombuffer(content, dtype).reshape(tensor.dims), tensor.name))
