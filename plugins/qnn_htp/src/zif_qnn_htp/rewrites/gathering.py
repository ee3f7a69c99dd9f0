"""A Gather whose result has more than four dimensions, along one list of indices and brought into its shape behind.

QNN 2.51 takes such a Gather and then fails while it compiles or runs, or gives the wrong rows: with indices of rank 2
into rank 4, or of rank 3 into rank 3, in whatever axis, constant or computed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import attribute, element_type
from zif_qnn_htp.rewrites.requantizing import again
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model

#: Up to this rank a Gather is right.
_MOST = 4


def line_up(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Rewrite every such Gather; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    shapes |= {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in graph.value_info}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Gather" and not node.domain]:
        indices = shapes.get(node.input[1]) or list(_static(model, node.input[1]))
        whole = list(_static(model, node.output[0]))
        if len(indices) > 1 and len(whole) > _MOST and 0 not in whole:
            names = _lined_up(graph, node, indices, whole, makers, model)
            added.update(dict.fromkeys(names, whose[node.name][0]))
    return added


def _static(model: Model, name: str) -> tuple[int, ...]:
    info = model.tensors.get(name)
    shape = info.shape or () if info is not None else ()
    return tuple(size for size in shape if isinstance(size, int)) if info is not None and info.static else ()


def _lined_up(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    indices: list[int],
    whole: list[int],
    makers: dict[str, onnx.NodeProto],
    model: Model,
) -> tuple[str, ...]:
    """Gather along a list, and Reshape to the whole; the names of the new nodes."""
    base, count, rank = f"{node.name}_lined", math.prod(indices), len(whole) - len(indices) + 1
    axis = attribute(node, "axis", 0) % rank
    short = [*whole[:axis], count, *whole[axis + len(indices) :]]
    kind = element_type(model.tensors[node.output[0]].dtype)
    position = next(at for at, other in enumerate(graph.node) if other.name == node.name)
    before = _listed(graph, node, base, count)
    made, back = node.output[0], makers.get(node.input[0])
    node.output[0] = f"{base}_rows"
    graph.value_info.append(helper.make_tensor_value_info(node.output[0], kind, short))
    graph.initializer.append(numpy_helper.from_array(np.array(whole, np.int64), f"{base}_whole"))
    for dim in reversed(before):
        graph.node.insert(position, dim)
    value, names = again(graph, position + len(before) + 1, base, node.output[0], back, model)
    last = helper.make_node("Reshape", [value, f"{base}_whole"], [made], f"{base}_back")
    graph.node.insert(position + len(before) + 1 + len(names), last)
    return (*(axis.name for axis in before), *names, last.name)


def _listed(graph: onnx.GraphProto, node: onnx.NodeProto, base: str, count: int) -> list[onnx.NodeProto]:
    """Give the node its indices as a list: another constant, or the nodes that make it."""
    name, listed = node.input[1], f"{base}_indices"
    node.input[1] = listed
    constant = next((tensor for tensor in graph.initializer if tensor.name == name), None)
    if constant is not None and constant.data_location != TensorProto.EXTERNAL:
        graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(constant).reshape(-1), listed))
        return []
    known = [value for value in (*graph.value_info, *graph.input) if value.name == name]
    kind = known[0].type.tensor_type.elem_type if known else TensorProto.INT64
    graph.value_info.append(helper.make_tensor_value_info(listed, kind, [count]))
    graph.initializer.append(numpy_helper.from_array(np.array([count]), f"{base}_count"))
    return [helper.make_node("Reshape", [name, f"{base}_count"], [listed], f"{base}_list")]
