"""A model in a newer opset, meaning what it meant: what ONNX's converter changes on the way is put right.

Before opset 11 Resize and Upsample have one way to place their samples, which is "asymmetric" with "floor" since; the
converter leaves the new default, "half_pixel". Before opset 13 Hardmax looks at all dimensions from its axis on as one
row; the converter leaves the axis alone.
"""

from __future__ import annotations

import onnx
from onnx import helper
from zif.plugin import all_graphs, attribute, free_name

_PLACED, _ROWS = 11, 13


def raised(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """The model in another opset. Raises whatever the converter raises where it cannot."""
    from onnx import version_converter

    old = next((opset.version for opset in proto.opset_import if opset.domain in ("", "ai.onnx")), version)
    if old < _ROWS <= version:
        proto = _rows_apart(proto)
    made: onnx.ModelProto = version_converter.convert_version(proto, version)
    if old < _PLACED <= version:
        for graph in all_graphs(made.graph):
            for node in graph.node:
                _place(node)
    return made


def _place(node: onnx.NodeProto) -> None:
    if node.op_type == "Resize" and not node.domain:
        kept = [
            attribute
            for attribute in node.attribute
            if attribute.name not in ("coordinate_transformation_mode", "nearest_mode")
        ]
        del node.attribute[:]
        node.attribute.extend(kept)
        node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
        node.attribute.append(helper.make_attribute("nearest_mode", "floor"))


def _rows_apart(proto: onnx.ModelProto) -> onnx.ModelProto:
    """With every Hardmax over the last dimension of a matrix, which means the same in every version."""
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    for graph in all_graphs(made.graph):
        taken = {name for node in graph.node for name in (*node.input, *node.output)}
        for place in reversed([at for at, node in enumerate(graph.node) if node.op_type == "Hardmax"]):
            _row(graph, place, taken)
    return made


def _row(graph: onnx.GraphProto, place: int, taken: set[str]) -> None:
    node = graph.node[place]
    value, result, axis = node.input[0], node.output[0], attribute(node, "axis", 1)
    names = [free_name(f"{result}_{word}", taken) for word in ("shape", "matrix", "rows")]
    taken.update(names)
    shape, matrix, rows = names
    node.input[0], node.output[0] = matrix, rows
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("axis", 1))
    graph.node.insert(place + 1, helper.make_node("Reshape", [rows, shape], [result], f"{node.name}_back"))
    graph.node.insert(place, helper.make_node("Flatten", [value], [matrix], f"{node.name}_matrix", axis=axis))
    graph.node.insert(place, helper.make_node("Shape", [value], [shape], f"{node.name}_shape"))
