"""A conversion into another encoding, as a pair of nodes in a graph."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper


def insert(
    graph: onnx.GraphProto, position: int, base: str, value: str, encoding: tuple[str, str], domain: str, kind: int
) -> tuple[str, tuple[str, str]]:
    """Put a QuantizeLinear and a DequantizeLinear of `value` at `position`: the new value, and the nodes' names.

    base: what the names of the nodes and their values begin with. encoding: the initializers with the scale and the
    zero point; kind: the TensorProto type of the integers.
    """
    stored, back = f"{base}_stored", f"{base}_back"
    first = helper.make_node("QuantizeLinear", [value, *encoding], [stored], f"{base}_q", domain=domain)
    second = helper.make_node("DequantizeLinear", [stored, *encoding], [back], f"{base}_dq", domain=domain)
    shape = next((v.type.tensor_type.shape for v in graph.value_info if v.name == value), None)
    for name, dtype in ((stored, kind), (back, TensorProto.FLOAT)):
        info = helper.make_tensor_value_info(name, dtype, None)
        if shape is not None:
            info.type.tensor_type.shape.CopyFrom(shape)
        graph.value_info.append(info)
    graph.node.insert(position, second)
    graph.node.insert(position, first)
    return back, (first.name, second.name)
