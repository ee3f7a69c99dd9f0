"""Weights in files beside the model: where they are, whether they are there, and reading one when it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import onnx
from attrs import frozen

from zif.errors import InvalidModel
from zif.files.opening import open_plain
from zif.files.protobufs import wrong
from zif.model import contexts
from zif.model.dtypes import to_array
from zif.model.subgraphs import all_graphs, bodies
from zif.model.types import check_text, tensor_bytes

if TYPE_CHECKING:
    from zif.records import Array

_EXTERNAL = onnx.TensorProto.EXTERNAL


@frozen
class Reference:
    """Where the data of one tensor lies, or the binary of a node. `length` None: to the end of the file."""

    tensor: str
    location: str
    offset: int
    length: int | None
    what: str = "tensor"


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the data of the tensor lies in another file."""
    return bool(tensor.data_location == _EXTERNAL)


def reference(tensor: onnx.TensorProto) -> Reference:
    """Where the data of an external tensor lies. Raises InvalidModel for a path that leaves the model's folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    check_text((tensor.name, *entries, *entries.values()))
    location = entries.get("location", "")
    if not location or _leaves(location):
        raise InvalidModel(
            f"tensor {tensor.name!r} keeps its data in {location!r}, which is not a path inside the model's folder. "
            "zif does not follow it: save the model again with its data file beside it."
        )
    offset, length = (_count(tensor.name, key, entries.get(key)) for key in ("offset", "length"))
    return Reference(tensor.name, location, offset or 0, tensor_bytes(tensor) if length is None else length)


@lru_cache(256)
def _leaves(location: str) -> bool:
    path = PureWindowsPath(location)  # which takes / for a separator, too: one rule for files from both worlds
    return bool(path.anchor) or ".." in path.parts


def _count(tensor: str, key: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise InvalidModel(f"tensor {tensor!r} has the external data {key} {text!r}, which is no count. Save it again.")
    return int(text)


def node_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """Every tensor in a node: in attributes and in bodies."""
    yield from attribute_tensors(node)
    for body in bodies(node):
        yield from tensors(body)


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that the graph holds: initializers, sparse ones, attributes, bodies."""
    for current in all_graphs(graph):
        yield from current.initializer
        for sparse in current.sparse_initializer:
            yield sparse.values
            yield sparse.indices
        for node in current.node:
            yield from attribute_tensors(node)


def attribute_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """Tensors that stand in the attributes of a node itself."""
    for attribute in node.attribute:
        kind = attribute.type
        if kind == onnx.AttributeProto.TENSOR:
            yield attribute.t
        elif kind == onnx.AttributeProto.TENSORS:
            yield from attribute.tensors
        elif kind == onnx.AttributeProto.SPARSE_TENSOR:
            yield attribute.sparse_tensor.values
            yield attribute.sparse_tensor.indices
        elif kind == onnx.AttributeProto.SPARSE_TENSORS:
            for sparse in attribute.sparse_tensors:
                yield sparse.values
                yield sparse.indices


def check_tensors(tensors: Iterable[onnx.TensorProto]) -> None:
    """Refuse tensors whose data are not those of their dimensions and type, or lie outside the model's folder.

    Whether external files exist is not asked.
    """
    for tensor in tensors:
        check_text((tensor.name,))
        if tensor.data_location == _EXTERNAL:
            _check_external(tensor)
        elif why := wrong(tensor):
            raise InvalidModel(f"the tensor {tensor.name!r} is invalid: {why}. Export the model again.")


def _check_external(tensor: onnx.TensorProto) -> None:
    ref, size = reference(tensor), tensor_bytes(tensor)
    if any(dim < 0 for dim in tensor.dims) or size is None:
        raise InvalidModel(
            f"the tensor {tensor.name!r} is invalid: it has the element type {tensor.data_type} and the dimensions "
            f"{list(tensor.dims[:8])}. Export the model again."
        )
    if ref.length != size:
        raise InvalidModel(
            f"the tensor {tensor.name!r} is invalid: its elements take {size:,} bytes, and {ref.length:,} lie in "
            f"{ref.location!r}. Export the model again."
        )


def locate(ref: Reference, folders: Sequence[Path]) -> Path:
    """The existing file that a reference means, looked up in the first of `folders`.

    The others are where links may lead: beside the file that the model's own path links to. Raises InvalidModel when
    the file is missing, too short or elsewhere.
    """
    if not folders:
        raise InvalidModel(
            f"{ref.what} {ref.tensor!r} keeps its data in the file {ref.location!r}, and a model given as bytes or "
            "proto has no folder to look in. Load it from its path instead."
        )
    file = folders[0] / ref.location
    if not file.is_file():
        raise InvalidModel(
            f"the data file {file} is missing; {ref.what} {ref.tensor!r} needs it to run. Copy it beside the model."
        )
    _check_inside(ref, file, folders)
    size = file.stat().st_size
    if ref.offset + (ref.length or 0) > size:
        raise InvalidModel(
            f"the data file {file} has {size} bytes, but {ref.what} {ref.tensor!r} lies at bytes {ref.offset} to "
            f"{ref.offset + (ref.length or 0)}. The file is cut off or belongs to another model: copy it again."
        )
    return file


def _check_inside(ref: Reference, file: Path, folders: Sequence[Path]) -> None:
    """A link inside the folder may not lead out of it."""
    real = file.resolve()
    if not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise InvalidModel(
            f"the data file {file} of {ref.what} {ref.tensor!r} is a link to {real}, outside the model's folder. "
            "zif does not follow it: put a copy of the file in its place."
        )


def binaries(graph: onnx.GraphProto) -> Iterator[Reference]:
    """Where the binaries of what was compiled elsewhere lie, those in files."""
    yield from (Reference(node, file, 0, None, "node") for node, file in contexts.names(graph))


def files(graph: onnx.GraphProto, folders: Sequence[Path]) -> dict[str, Path]:
    """The existing data files that a graph refers to, by the name it uses. Raises InvalidModel for what is missing."""
    paths = {}
    for tensor in tensors(graph):
        if is_external(tensor):
            ref = reference(tensor)
            paths[ref.location] = locate(ref, folders)
    paths |= {ref.location: locate(ref, folders) for ref in binaries(graph)}
    return paths


def read(ref: Reference, folders: Sequence[Path]) -> bytes:
    """The bytes of one tensor."""
    with open_plain(locate(ref, folders), InvalidModel) as file:
        file.seek(ref.offset)
        return file.read() if ref.length is None else file.read(ref.length)


def array(graph: onnx.GraphProto, position: int, folders: Sequence[Path]) -> Array:
    """The value of the initializer at a position, sparse ones counted after the others."""
    if position >= len(graph.initializer):
        raise InvalidModel("a sparse initializer of this size is not read as an array.")
    tensor = graph.initializer[position]
    try:
        if is_external(tensor):
            raw = read(reference(tensor), folders)
            tensor = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=raw)
        value: Array = to_array(tensor)
        return value
    except (ValueError, TypeError) as error:
        raise InvalidModel(f"the data of the initializer {tensor.name!r} does not fit its shape: {error}.") from error
