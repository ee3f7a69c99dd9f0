"""16-bit operators that QNN 2.51 computes more coarsely than their integers, in floats between them.

A 16-bit Softplus had 37 to 41 dB around 0, where floats have 64, and −3 to 7 where its input reaches beyond 300; a Mish
is made of one. A Tanh is computed in one encoding, so that of results that all are small a few bits are left; of those
of a Sigmoid floats have no more.
What is spelled out between a DequantizeLinear and a QuantizeLinear is no group to the provider, and computed in fp16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from zif_qnn_htp.rewrites.encodings import FIXED
from zif_qnn_htp.rewrites.node_maker import Maker
from zif_qnn_runtime.graph import owners

if TYPE_CHECKING:
    from zif import Model, Unit

    #: Makes the result of the operator of the value that it reads; gives its last operator and what that reads.
    Spelling = Callable[[Maker, str], tuple[str, list[str]]]

_SIXTEEN = ("uint16", "int16")
#: A Tanh whose results end before this part of what its encoding holds has less than 11 of 16 bits, which fp16 has.
NARROW = 1 / 32
#: Far beyond what a Tanh tells from 1; fp16 holds it.
_FAR = 60000


def spell(graph: onnx.GraphProto, model: Model) -> dict[str, str]:
    """Write every such operator in floats; gives the unit of every new node, by the node's name."""
    whose = owners(model)
    makers = {name: node for node in graph.node for name in node.output}
    ends = {node.input[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
    added: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type in _SPELLINGS and not node.domain]:
        start, end = makers.get(node.input[0]), ends.get(node.output[0])
        quantized = start is not None and start.op_type == "DequantizeLinear" and end is not None
        if node.name in whose and quantized and end is not None and _coarse(node.op_type, end, model):
            made = Maker(graph, node, "floats")
            last, inputs = _SPELLINGS[node.op_type](made, node.input[0])
            made.before()
            node.op_type = last
            del node.input[:]
            node.input.extend(inputs)
            added.update(dict.fromkeys(made.names, whose[node.name][0]))
    return added


def needs(model: Model, unit: Unit) -> bool:
    """Whether a unit is one of those: a chip without floats has no right form of it."""
    nodes = [model.proto.graph.node[index] for index in unit.nodes]
    ends = [node for node in nodes if node.op_type == "QuantizeLinear"]
    return unit.op_type in _SPELLINGS and not unit.domain and any(_coarse(unit.op_type, end, model) for end in ends)


def _coarse(op_type: str, end: onnx.NodeProto, model: Model) -> bool:
    """Whether a 16-bit result is computed more coarsely than it is stored."""
    if len(end.input) < 3 or not all(name in model.initializers for name in end.input[1:]):
        return False
    kind = model.initializers[end.input[2]].dtype
    if kind not in _SIXTEEN or op_type != "Tanh":
        return kind in _SIXTEEN
    return float(model.array(end.input[1]).max()) < NARROW * FIXED["uint16"]["Tanh"][0]


def _soft(made: Maker, source: str) -> tuple[str, list[str]]:
    """log(1 + exp(x)) is max(x, 0) - log(sigmoid(|x|))."""
    late = made.single("Log", made.single("Sigmoid", made.single("Abs", source)))
    return "Sub", [made.single("Relu", source), late]


def _mish(made: Maker, source: str) -> tuple[str, list[str]]:
    """x · tanh(softplus(x)), with that softplus."""
    last, inputs = _soft(made, source)
    return "Mul", [source, made.single("Tanh", made.single(last, *inputs))]


def _gate(made: Maker, source: str) -> tuple[str, list[str]]:
    """Of a minimum that changes nothing, so that there is no group."""
    return "Tanh", [made.single("Min", source, made.constant(np.full(1, _FAR, np.float32)))]


_SPELLINGS: Mapping[str, Spelling] = {"Softplus": _soft, "Mish": _mish, "Tanh": _gate}
