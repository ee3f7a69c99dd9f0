"""From a QDQ model back to a float one, whose weights are exactly what the integers stand for."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper
from zif.plugin import AFTER, Names, axis_of

from zif_quantize.rewrites.rewire import read_by, replace


def strip(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The float model: Q and DQ pairs gone, weights dequantized, tensors under the names that `export` uses."""
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    graph, names = made.graph, Names(proto)
    renamed: dict[str, str] = {}
    weights: dict[str, onnx.TensorProto] = {}
    gone = []
    for node in proto.graph.node:
        if node.op_type == "QuantizeLinear" and _constant(node, names):
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
            gone.append(node.name or node.output[0])
        elif node.op_type == "DequantizeLinear" and _constant(node, names):
            if node.input[0] in names.initializers:
                name = names.weight(node)
                weights[name] = numpy_helper.from_array(_dequantized(node, names), name)
                renamed[node.output[0]] = name
            elif node.input[0] in renamed:
                renamed[node.output[0]] = renamed[node.input[0]]
            else:
                continue
            gone.append(node.name or node.output[0])
    kept = [node for node in graph.node if (node.name or (node.output[0] if node.output else "")) not in set(gone)]
    back = {renamed[name]: name for name in names.outputs if name in renamed}
    _rewire(kept, renamed, back)
    used = {name for node in kept for name in read_by(node)} | names.outputs
    initializers = [tensor for tensor in graph.initializer if tensor.name in used and tensor.name not in weights]
    for repeated, new in ((graph.node, kept), (graph.initializer, [*initializers, *weights.values()])):
        copies = [type(row).FromString(row.SerializeToString()) for row in new]  # before their places are cleared
        del repeated[:]
        repeated.extend(copies)
    infos = [info for info in graph.value_info if not info.name.endswith(AFTER) and info.name not in renamed]
    del graph.value_info[:]
    graph.value_info.extend(infos)
    return made


def _rewire(nodes: list[onnx.NodeProto], renamed: dict[str, str], back: dict[str, str]) -> None:
    """Read the float values, and give the graph's outputs their names again."""
    for node in nodes:
        for name in read_by(node):
            plain = renamed.get(name, name)
            replace(node, name, back.get(plain, plain))
        for place, name in enumerate(node.output):
            node.output[place] = back.get(name, name)


def _constant(node: onnx.NodeProto, names: Names) -> bool:
    return all(name in names.initializers for name in node.input[1:] if name)


def _dequantized(node: onnx.NodeProto, names: Names) -> np.ndarray:
    stored, scale = (numpy_helper.to_array(names.initializers[name]) for name in node.input[:2])
    zero = numpy_helper.to_array(names.initializers[node.input[2]]) if len(node.input) > 2 and node.input[2] else 0
    axis = axis_of(node, scale)
    if axis is not None:
        shape = [-1 if place == axis % stored.ndim else 1 for place in range(stored.ndim)]
        scale, zero = scale.reshape(shape), np.reshape(zero, shape) if np.size(zero) > 1 else zero
    wide = stored.astype(np.int64) - np.asarray(zero).astype(np.int64)
    result: np.ndarray = (wide.astype(np.float32) * scale.astype(np.float32)).astype(np.float32)
    return result
