"""Sigmoid and Tanh behind a product or a sum, which QNN 2.51 computes coarsely in floats, at a distance from it.

Behind a Conv, a MatMul, a Gemm or the Add of two values, also when what lies between only moves values, the compiler
makes one operator of both: 45 to 49 dB where 65 to 73 are right, and 17 where the values are large. A minimum with what
is far beyond where either is 1 keeps them apart and changes nothing; a factor of 1 goes into the Conv.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from zif import Model
from zif.plugin import MOVES
from zif_qnn_htp.rewrites.node_maker import Maker, lone

_GATES = frozenset({"Sigmoid", "Tanh"})
_FUSED = frozenset({"Conv", "MatMul", "Gemm", "Einsum", "Add", "Sum"})
_HANDS_ON = MOVES | {"Concat"}
#: fp16 holds it, and both gates are 1 long before.
_FAR = 60000


def part(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Put the minimum before every such gate; gives the unit of every new node, by the node's name."""
    units = lone(model)
    makers = {name: node for node in graph.node for name in node.output}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type in _GATES and node.name in units]:
        unit, gate = units[node.name]
        info = model.tensors[gate.output[0]]
        if _behind(node.input[0], makers) and info.dtype in ("float32", "float16"):
            made = Maker(graph, node, "apart")
            far = made.constant(np.full(1 if info.shape else (), _FAR, info.dtype))
            node.input[0] = made.single("Min", node.input[0], far)
            made.before()
            added.update(dict.fromkeys(made.names, unit))
    return added


def _behind(name: str, makers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether a value is what a product or a sum gives, moved and joined."""
    waiting, seen = [name], {name}
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.domain:
            continue
        if node.op_type in _FUSED:
            return True
        if node.op_type in _HANDS_ON:
            more = [name for name in (node.input if node.op_type == "Concat" else node.input[:1]) if name not in seen]
            waiting += more
            seen.update(more)
    return False
