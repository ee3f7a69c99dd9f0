"""What is moved in floats between integers, and read more than once, moved in integers instead.

DequantizeLinear → Transpose → {Clip → QuantizeLinear, Gather → QuantizeLinear}: for the layout of convolutions the
provider puts the Transpose behind its readers, where one DequantizeLinear belongs to a group and feeds another node,
too. It then finds no order for its nodes, and ends the process. Behind a value that is only moved, the encoding that it
had before is exact, and the movement is a group by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper
from zif.plugin import MOVES, free_name

if TYPE_CHECKING:
    from zif import Model


def close(graph: onnx.GraphProto, model: Model, known: Collection[str]) -> dict[str, str]:
    """Quantize behind every such movement among the known nodes; gives the movement of every new node, by name."""
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in graph.output}
    added: dict[str, str] = {}
    moves = [node for node in graph.node if node.op_type in MOVES and not node.domain and node.name in known]
    for node in [node for node in moves if len(node.output) == 1]:
        start, behind = makers.get(node.input[0]), readers.get(node.output[0], [])
        several = len(behind) > 1 and node.output[0] not in outputs
        if several and any(reader.op_type != "QuantizeLinear" for reader in behind) and _encoded(start, model):
            assert start is not None
            added.update(dict.fromkeys(_closed(graph, node, start, behind, model), node.name))
    return added


def _encoded(start: onnx.NodeProto | None, model: Model) -> bool:
    """Whether it is a DequantizeLinear to float32 with one scale."""
    if start is None or start.op_type != "DequantizeLinear" or len(start.input) < 3 or len(start.output) > 1:
        return False
    scale, zero = (model.initializers.get(name) for name in start.input[1:3])
    return bool(scale and zero and scale.elements == 1 and scale.dtype == "float32" and zero.dtype)


def _closed(
    graph: onnx.GraphProto, node: onnx.NodeProto, start: onnx.NodeProto, behind: list[onnx.NodeProto], model: Model
) -> tuple[str, str]:
    value, taken = (
        node.output[0],
        {name for reader in graph.node for name in (*reader.input, *reader.output, reader.name)},
    )
    stored, back = (free_name(f"{value}_{word}", taken) for word in ("moved", "moved_back"))
    ends = start.input[1:3]
    pair = (
        helper.make_node("QuantizeLinear", [value, *ends], [stored], f"{node.name}_moved_q", domain=start.domain),
        helper.make_node("DequantizeLinear", [stored, *ends], [back], f"{node.name}_moved_dq", domain=start.domain),
    )
    kind = helper.np_dtype_to_tensor_dtype(model.array(ends[1]).dtype)
    info = model.tensors.get(value)
    shape = info.shape if info else None
    for name, dtype in ((stored, kind), (back, TensorProto.FLOAT)):
        graph.value_info.append(helper.make_tensor_value_info(name, dtype, shape))
    for reader in behind:
        reader.input[:] = [back if name == value else name for name in reader.input]
    place = next(at for at, reader in enumerate(graph.node) if reader.name == node.name)
    for reader in reversed(pair):
        graph.node.insert(place + 1, reader)
    return pair[0].name, pair[1].name
