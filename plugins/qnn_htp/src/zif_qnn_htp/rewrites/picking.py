"""GatherND at places that are known before, as a Gather of the rows of a reshaped value.

QNN 2.51 reads elsewhere where the indices are constants and a dimension has size 1: zeros, values of other places, or
memory of others, of every rank from 1 to 4. With indices that are computed it is right, and so is Gather.
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
    from zif.plugin import Array


def flatten(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Rewrite every such GatherND; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "GatherND" and not node.domain]:
        indices = constants.get(node.input[1])
        info = model.tensors[node.input[0]]
        if indices is None or indices.data_location == TensorProto.EXTERNAL or not info.static or not info.dtype:
            continue
        if attribute(node, "batch_dims", 0) == 0:
            shape = [size for size in info.shape or () if isinstance(size, int)]
            names = _flattened(graph, node, shape, numpy_helper.to_array(indices), makers, model)
            added.update(dict.fromkeys(names, whose[node.name][0]))
    return added


def _flattened(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    shape: list[int],
    indices: Array,
    makers: dict[str, onnx.NodeProto],
    model: Model,
) -> tuple[str, ...]:
    """Reshape to rows before, and make the node a Gather of them; the names of the new nodes."""
    if 0 in (*shape, *indices.shape):
        return ()
    deep = indices.shape[-1]
    base, value, rows = f"{node.name}_flat", node.input[0], [math.prod(shape[:deep]), *shape[deep:]]
    constants = {"shape": np.array(rows, np.int64), "rows": _rows(indices, shape[:deep])}
    graph.initializer.extend(numpy_helper.from_array(array, f"{base}_{word}") for word, array in constants.items())
    flat = helper.make_node("Reshape", [value, f"{base}_shape"], [f"{base}_value"], base)
    kind = element_type(model.tensors[value].dtype)
    graph.value_info.append(helper.make_tensor_value_info(flat.output[0], kind, rows))
    position = next(at for at, other in enumerate(graph.node) if other.name == node.name)
    graph.node.insert(position, flat)
    node.op_type = "Gather"
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("axis", 0))
    node.input[1] = f"{base}_rows"
    node.input[0], names = again(graph, position + 1, base, flat.output[0], makers.get(value), model)
    return (flat.name, *names)


def _rows(indices: Array, sizes: list[int]) -> Array:
    """The places in the dimensions indexed as one number each."""
    rows = np.zeros(indices.shape[:-1], np.int64)
    for place, size in enumerate(sizes):
        rows = rows * size + indices[..., place] % size
    return rows
