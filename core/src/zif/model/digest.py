"""A hash of what a model computes: structure and weights, not where it lies, who wrote it or what it is called."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

import onnx

from zif.errors import InvalidModel
from zif.files.opening import open_plain
from zif.model.external import Reference, is_external, locate, reference, tensors

_CHUNK = 1 << 22
_memo: dict[tuple[str, int, int, int, int], bytes] = {}
_lock = threading.Lock()


def digest(proto: onnx.ModelProto, folders: Sequence[Path]) -> str:
    """sha256 in hex. A tensor counts the same whether its raw data lies in the model or in a file.

    Data that is missing counts by its place, so that models without weights still differ from each other.
    """
    total = hashlib.sha256()
    structure, weights = _split(proto)
    total.update(structure)
    for tensor in weights:
        total.update(_content(tensor, folders))
    return total.hexdigest()


def fingerprint(proto: onnx.ModelProto) -> str:
    """sha256 in hex of the structure, types and shapes alone: the data of weights does not count."""
    return hashlib.sha256(_split(proto)[0]).hexdigest()


def _split(proto: onnx.ModelProto) -> tuple[bytes, list[onnx.TensorProto]]:
    """Everything but the data of weights, and the tensors that hold it, in a fixed order."""
    bare = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    bare.opset_import.sort(key=lambda entry: entry.domain)
    graph, source = bare.graph, proto.graph
    graph.node.extend(source.node)
    for node in graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    for field in ("input", "output"):
        for value in getattr(source, field):
            getattr(graph, field).add(name=value.name, type=value.type)
    graph.initializer.extend(_head(tensor) for tensor in source.initializer)
    graph.sparse_initializer.extend(source.sparse_initializer)
    weights = list(source.initializer)
    for tensor in tensors(graph):
        if is_external(tensor):  # in bodies, attributes and sparse tensors
            weights.append(_copy(tensor))
            _forget_place(tensor)
    return bare.SerializeToString(deterministic=True), weights


def _copy(tensor: onnx.TensorProto) -> onnx.TensorProto:
    same = onnx.TensorProto()
    same.CopyFrom(tensor)
    return same


def _forget_place(tensor: onnx.TensorProto) -> None:
    del tensor.external_data[:]
    tensor.ClearField("data_location")


def _head(tensor: onnx.TensorProto) -> onnx.TensorProto:
    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)


def _content(tensor: onnx.TensorProto, folders: Sequence[Path]) -> bytes:
    if is_external(tensor):
        return _external(reference(tensor), folders)
    if tensor.HasField("raw_data"):
        return hashlib.sha256(tensor.raw_data).digest()
    typed = onnx.TensorProto()
    typed.CopyFrom(tensor)
    for field in ("name", "doc_string"):
        typed.ClearField(field)
    return hashlib.sha256(typed.SerializeToString(deterministic=True)).digest()


def _external(ref: Reference, folders: Sequence[Path]) -> bytes:
    try:
        file = locate(ref, folders)
    except InvalidModel:
        return hashlib.sha256(f"missing {ref.location} {ref.offset} {ref.length}".encode()).digest()
    stat = file.stat()
    length = stat.st_size - ref.offset if ref.length is None else ref.length
    key = (str(file), stat.st_size, stat.st_mtime_ns, ref.offset, length)
    with _lock:
        known = _memo.get(key)
    if known is None:
        known = _hash_range(file, ref.offset, length)
        with _lock:
            _memo[key] = known
    return known


def _hash_range(file: Path, offset: int, length: int) -> bytes:
    total = hashlib.sha256()
    with open_plain(file, InvalidModel) as stream:
        stream.seek(offset)
        while length > 0 and (chunk := stream.read(min(_CHUNK, length))):
            total.update(chunk)
            length -= len(chunk)
    return total.digest()
