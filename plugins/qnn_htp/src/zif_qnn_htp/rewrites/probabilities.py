"""Sigmoids whose results leave the segment, written so that small ones keep their digits.

QNN 2.51 computes Sigmoid in steps of 0.0006, wherever its result lies: of a detector's 0.001, or of a mask of what is
not there, nothing is left. exp(min(x, 0)) / (1 + exp(-|x|)) is the same number, and of each factor the HTP keeps the
leading digits. It is nine operators for one, so only those are written so whose results leave, also multiplied with
others or the largest of several: within a network a gate's result is a factor of what is larger than a step.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from zif import Model
from zif.plugin import MOVES
from zif_qnn_htp.rewrites.node_maker import Maker, lone
from zif_qnn_htp.rewrites.taming import FLOOR

#: What hands a probability on as one: moved, joined, multiplied with another, the largest of several.
_HANDS_ON = MOVES | {"Concat", "Mul", "Max", "ReduceMax", "MaxPool", "TopK"}
#: More multiplications than this between a Sigmoid and an output are a network, not a detector's head.
_STEPS = 16


def spell_probabilities(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Write every such Sigmoid otherwise; gives the unit of every new node, by the node's name."""
    units = lone(model)
    leaving = _leaving(graph)
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Sigmoid" and node.name in units]:
        unit, sigmoid = units[node.name]
        info = model.tensors[sigmoid.output[0]]
        if node.output[0] in leaving and info.dtype in ("float32", "float16"):
            made = Maker(graph, node, "probability")
            _spell(made, node, np.dtype(info.dtype), scalar=not info.shape)
            made.before()
            added.update(dict.fromkeys(made.names, unit))
    return added


def _spell(made: Maker, node: onnx.NodeProto, dtype: np.dtype[np.generic], *, scalar: bool) -> None:
    """Make the node the quotient, with its two sides before it."""
    zero, unity, floor = (made.constant(np.full(() if scalar else (1,), value, dtype)) for value in (0, 1, FLOOR))
    raised = made.single("Max", node.input[0], floor)
    distance = made.single("Max", made.single("Neg", made.single("Abs", node.input[0])), floor)
    upper = made.single("Exp", made.single("Min", raised, zero))
    node.op_type = "Div"
    node.input[:] = [upper, made.single("Add", made.single("Exp", distance), unity)]


def _leaving(graph: onnx.GraphProto) -> set[str]:
    """The values that leave the graph, as they are or handed on."""
    makers: Mapping[str, onnx.NodeProto] = {name: node for node in graph.node for name in node.output}
    leaving = {value.name for value in graph.output}
    edge = set(leaving)
    for _ in range(_STEPS):
        nodes = [makers[name] for name in edge if name in makers]
        edge = {name for node in nodes if node.op_type in _HANDS_ON and not node.domain for name in node.input}
        edge -= leaving
        leaving |= edge
    return leaving
