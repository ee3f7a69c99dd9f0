"""A hash of what a model computes: structure and weights, not where it lies, who wrote it or what it is called."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from zif.errors import InvalidModel
from zif.files.opening import open_plain
from zif.model.contexts import compatibility
from zif.model.external import Reference, binaries, is_external, locate, node_tensors, reference, tensors
from zif.model.opsets import is_defined

_CHUNK = 1 << 22
_memo: dict[tuple[str, int, int, int, int], bytes] = {}
_lock = threading.Lock()


def digest(proto: onnx.ModelProto, folders: Sequence[Path]) -> str:
    """sha256 in hex. A tensor counts the same whether its raw data lies in the model or in a file.

    Data that is missing counts by its place, so that models without weights still differ from each other.
    """
    total, weights = _split(proto)
    for tensor in weights:
        total.update(_content(tensor, folders))
    for binary in binaries(proto.graph):
        total.update(_external(binary, folders))
    return total.hexdigest()


def stamp(proto: onnx.ModelProto, folders: Sequence[Path]) -> str:
    """As `digest`, but no data file is read: each counts by its path, its size and when it last changed."""
    total, weights = _split(proto)
    for tensor in weights:
        total.update(_place(reference(tensor), folders) if is_external(tensor) else _content(tensor, folders))
    for binary in binaries(proto.graph):
        total.update(_place(binary, folders))
    return total.hexdigest()


def with_foreign(
    whole: str,
    proto: onnx.ModelProto,
    versions: Mapping[str, int],
    types: Mapping[str, onnx.ValueInfoProto],
    libraries: Sequence[Path],
) -> str:
    """The digest `whole`, and what is known of what operators make that onnx does not have.

    Equal to `whole` for a model without such operators: of all others the types follow from the model itself.
    """
    nodes = (n for n in proto.graph.node if not is_defined(n.op_type, n.domain, versions.get(n.domain, 1)))
    names = [name for node in nodes for name in node.output if name in types]
    if not names and not libraries:
        return whole
    total = hashlib.sha256(whole.encode())
    for name in names:
        total.update(types[name].SerializeToString(deterministic=True))
    for path in libraries:
        total.update(_external(Reference("", path.name, 0, None), (path.parent,)))
    return total.hexdigest()


def fingerprint(proto: onnx.ModelProto) -> str:
    """sha256 in hex of the structure, types and shapes alone: the data of weights does not count."""
    return _split(proto)[0].hexdigest()


def _split(proto: onnx.ModelProto) -> tuple[hashlib._Hash, list[onnx.TensorProto]]:
    """A hash of everything but the data of weights, and the tensors that hold it, in a fixed order.

    Nodes are hashed one by one where they are: one may hold hundreds of megabytes in its attributes.
    """
    bare = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    bare.metadata_props.extend(compatibility(proto))  # nothing else of them counts
    bare.opset_import.sort(key=lambda entry: entry.domain)
    graph, source = bare.graph, proto.graph
    for field in ("input", "output"):
        for value in getattr(source, field):
            getattr(graph, field).add(name=value.name, type=value.type)
    graph.initializer.extend(_head(tensor) for tensor in source.initializer)
    graph.sparse_initializer.extend(source.sparse_initializer)
    weights = list(source.initializer)
    for tensor in tensors(graph):
        if is_external(tensor):  # of sparse tensors
            weights.append(_copy(tensor))
            _forget_place(tensor)
    total = hashlib.sha256(bare.SerializeToString(deterministic=True))
    for node in source.node:
        content = _node(node, weights).SerializeToString(deterministic=True)
        total.update(len(content).to_bytes(8, "little"))
        total.update(content)
    return total, weights


def _node(node: onnx.NodeProto, weights: list[onnx.TensorProto]) -> onnx.NodeProto:
    """What of a node counts: itself, or a copy without the rest. Its tensors that lie in files go to `weights`."""
    outer = [tensor for tensor in node_tensors(node) if is_external(tensor)]
    if not (outer or node.doc_string or node.metadata_props):
        return node
    same = onnx.NodeProto()
    same.CopyFrom(node)
    same.ClearField("doc_string")
    del same.metadata_props[:]
    for tensor in node_tensors(same):
        if is_external(tensor):  # in bodies and attributes
            weights.append(_copy(tensor))
            _forget_place(tensor)
    return same


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


def _place(ref: Reference, folders: Sequence[Path]) -> bytes:
    try:
        file = locate(ref, folders)
    except InvalidModel:
        return f"missing {ref.location} {ref.offset} {ref.length}".encode()
    stat = file.stat()
    return repr((str(file), stat.st_size, stat.st_mtime_ns, ref.offset, ref.length)).encode()


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
