"""Computed indices counted from the front: QNN 2.51 knows none from the end, which ONNX's may be.

Negative numbers among constants are brought to the front by the provider. Among those that are computed or fed,
GatherElements reads 0 there, ScatterElements and ScatterND leave out what they should write, OneHot gives nothing, and
Gather in 32 bits fails: of every rank, along every axis. So the size is added, in integers, wherever an index is below
0, unless what makes the indices never gives one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import MOVES, attribute
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model

#: Where the indices are; what they index is the first input, but for OneHot, which has its depth there.
_PLACES = {"Gather": 1, "GatherElements": 1, "GatherND": 1, "ScatterElements": 1, "ScatterND": 1, "OneHot": 0}
#: Outputs that are never below 0, by the operator and their place.
_COUNTS = {
    ("ArgMax", 0),
    ("ArgMin", 0),
    ("TopK", 1),
    ("NonZero", 0),
    ("Shape", 0),
    ("Size", 0),
    ("Abs", 0),
    ("Relu", 0),
}
_HANDS_ON = MOVES | {"Cast", "Concat"}
_SIGNED = {"int64": TensorProto.INT64, "int32": TensorProto.INT32}


def wrap(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Rewrite every reader of computed indices; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    fixed = {tensor.name for tensor in graph.initializer}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type in _PLACES and not node.domain]:
        name = node.input[_PLACES[node.op_type]]
        sizes = _sizes(node, model)
        if name not in fixed and sizes and not _counted(name, makers, fixed):
            added.update(dict.fromkeys(_wrapped(graph, node, name, sizes, model), whose[node.name][0]))
    return added


def _sizes(node: onnx.NodeProto, model: Model) -> list[int]:
    """What is added to an index below 0: one number, or one for each place in the last dimension of the indices."""
    if node.op_type == "OneHot":
        known = node.input[1] in model.initializers
        return [int(model.array(node.input[1]).reshape(-1)[0])] if known else []
    shape = model.tensors[node.input[0]].shape or ()
    if node.op_type in ("GatherND", "ScatterND"):
        deep = (model.tensors[node.input[1]].shape or (None,))[-1]
        first = attribute(node, "batch_dims", 0)
        sizes = shape[first : first + deep] if isinstance(deep, int) else ()
    else:
        axis = attribute(node, "axis", 0)
        sizes = shape[axis : axis + 1 or None]
    return [size for size in sizes if isinstance(size, int)]


def _counted(name: str, makers: Mapping[str, onnx.NodeProto], fixed: set[str]) -> bool:
    """Whether indices come from what counts, chosen and moved."""
    while name not in fixed:
        node = makers.get(name)
        if node is None:
            return False
        if (node.op_type, list(node.output).index(name)) in _COUNTS:
            return True
        if node.op_type == "Concat":
            return all(_counted(name, makers, fixed) for name in node.input)
        if node.op_type not in _HANDS_ON:
            return False
        name = node.input[0]
    return False


def _wrapped(
    graph: onnx.GraphProto, node: onnx.NodeProto, name: str, sizes: list[int], model: Model
) -> tuple[str, ...]:
    """Put Where(i < 0, i + size, i) in the place of the indices; the names of the new nodes."""
    info = model.tensors[name]
    if info.dtype not in _SIGNED:
        return ()
    base = f"{node.name}_wrapped"
    zero, size, below, above, value = (f"{base}_{word}" for word in ("zero", "size", "below", "above", "value"))
    dtype = np.dtype(info.dtype)
    graph.initializer.append(numpy_helper.from_array(np.zeros(1, dtype), zero))
    graph.initializer.append(numpy_helper.from_array(np.array(sizes, dtype), size))
    nodes = [
        helper.make_node("Less", [name, zero], [below], f"{base}0"),
        helper.make_node("Add", [name, size], [above], f"{base}1"),
        helper.make_node("Where", [below, above, name], [value], f"{base}2"),
    ]
    kinds = {below: TensorProto.BOOL, above: _SIGNED[info.dtype], value: _SIGNED[info.dtype]}
    graph.value_info.extend(helper.make_tensor_value_info(index, kind, info.shape) for index, kind in kinds.items())
    position = next(at for at, other in enumerate(graph.node) if other.name == node.name)
    for made in reversed(nodes):
        graph.node.insert(position, made)
    node.input[_PLACES[node.op_type]] = value
    return tuple(node.name for node in nodes)
