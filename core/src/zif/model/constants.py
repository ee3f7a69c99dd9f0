"""Constants in other forms as plain initializers: Constant nodes and sparse initializers."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto

from zif.errors import InvalidModel
from zif.model.contexts import is_context
from zif.model.dtypes import from_array, to_array
from zif.model.external import check_tensors, is_external
from zif.model.nodes import Node

#: A sparse initializer whose dense form has more elements stays as it is.
MAX_DENSE = 1 << 26


def hoist(graph: onnx.GraphProto, nodes: list[Node]) -> list[Node]:
    """Turn Constant nodes into initializers and return the other nodes.

    A constant is data and needs no backend; as a node it would be placed, and moved between backends, like work.
    """
    kept = []
    for node in nodes:
        tensor = _tensor(node) if node.op_type == "Constant" and not node.domain else None
        if tensor is None:
            kept.append(node)
        else:
            graph.initializer.append(tensor)
    return kept


def _tensor(node: Node) -> TensorProto | None:
    if len(node.outputs) != 1 or not node.outputs[0]:
        return None
    for attribute in node.proto.attribute:
        tensor = _from_attribute(attribute)
        if tensor is not None:
            tensor.name = node.outputs[0]
            return tensor
    return None


def _from_attribute(attribute: onnx.AttributeProto) -> TensorProto | None:
    """The tensor of a Constant's attribute; the proto in the node is reused, its data is not copied here."""
    name = attribute.name
    if name == "value":
        return attribute.t
    if name == "sparse_value":
        return dense(attribute.sparse_tensor)
    if name == "value_float":
        return TensorProto(data_type=TensorProto.FLOAT, float_data=[attribute.f])
    if name == "value_int":
        return TensorProto(data_type=TensorProto.INT64, int64_data=[attribute.i])
    if name == "value_string":
        return TensorProto(data_type=TensorProto.STRING, string_data=[attribute.s])
    if name == "value_floats":
        values = attribute.floats
        return TensorProto(data_type=TensorProto.FLOAT, dims=[len(values)], float_data=values)
    if name == "value_ints":
        return TensorProto(data_type=TensorProto.INT64, dims=[len(attribute.ints)], int64_data=attribute.ints)
    if name == "value_strings":
        return TensorProto(data_type=TensorProto.STRING, dims=[len(attribute.strings)], string_data=attribute.strings)
    return None


def bypass(graph: onnx.GraphProto, nodes: list[Node]) -> list[Node]:
    """Let readers of an Identity of an initializer read the initializer; exporters write these for shared weights."""
    fixed = {tensor.name for tensor in graph.initializer} - {value.name for value in graph.input}
    kept_names = {value.name for value in graph.output}
    kept_names.update(name for node in nodes for name in node.captured)
    kept_names.update(name for node in nodes if is_context(node.op_type, node.domain) for name in node.inputs)
    alias: dict[str, str] = {}
    left = []
    for node in nodes:
        if any(name in alias for name in node.inputs):
            node.rename_inputs(alias)
        plain = node.op_type == "Identity" and not node.domain and len(node.inputs) == len(node.outputs) == 1
        if plain and node.inputs[0] in fixed and node.outputs[0] not in kept_names:
            alias[node.outputs[0]] = node.inputs[0]
        else:
            left.append(node)
    return left


def densify(graph: onnx.GraphProto) -> None:
    """Turn sparse initializers into dense ones where the data is at hand and small enough."""
    kept = []
    for sparse in graph.sparse_initializer:
        check_tensors((sparse.values, sparse.indices))
        tensor = dense(sparse)
        if tensor is None:
            kept.append(sparse)
        else:
            graph.initializer.append(tensor)
    if len(kept) < len(graph.sparse_initializer):
        del graph.sparse_initializer[:]
        graph.sparse_initializer.extend(kept)


def dense(sparse: onnx.SparseTensorProto) -> TensorProto | None:
    """The dense form of a sparse tensor; None when its data is in another file or it would be too large."""
    if is_external(sparse.values) or is_external(sparse.indices) or math.prod(sparse.dims) > MAX_DENSE:
        return None
    name = sparse.values.name
    try:
        values = to_array(sparse.values)
        indices = to_array(sparse.indices)
        full = np.full(tuple(sparse.dims), "" if values.dtype.kind in "UO" else 0, values.dtype)
        where = np.unravel_index(indices, full.shape) if indices.ndim == 1 else tuple(indices.T)
        full[where] = values
    except (ValueError, IndexError, TypeError) as error:
        raise InvalidModel(f"the sparse tensor {name!r} is malformed: {error}. Export the model again.") from error
    return from_array(full, name)
