"""A conversion into another encoding, as a pair of nodes in a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

if TYPE_CHECKING:
    from zif import Model


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


def again(
    graph: onnx.GraphProto, position: int, base: str, value: str, back: onnx.NodeProto | None, model: Model
) -> tuple[str, tuple[str, ...]]:
    """What was moved, in the encoding that it had: the new value, and the nodes' names, none where it had none.

    back: what made the value before it was moved; where that is a DequantizeLinear, it had an encoding.
    """
    if back is None or back.op_type != "DequantizeLinear" or len(back.input) < 3:
        return value, ()
    kind = helper.np_dtype_to_tensor_dtype(model.array(back.input[2]).dtype)
    return insert(graph, position, base, value, (back.input[1], back.input[2]), back.domain, kind)
