"""16-bit operators that the HTP computes in fp16 whatever their integers are, where what they span leaves fp16.

An encoding says how far a value reaches. Beyond 65504 results of 16-bit operators were infinite or nonsense (−1 to 36
dB where 90 are right), of an Elu from 30000 on. Exp(x) − 1 and the series of a sine lose all that is small.
And a cast to whole numbers goes by what fp16 made of the 16 bits: 0.9999 is 1 there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    import onnx
    from zif import Model, Unit


@frozen
class Span:
    """How far the input of an operator has to reach from 0, and how far it may."""

    least: float = 0.0
    most: float = 65504.0


#: Of each operator what was right on the emulator, over reaches from 1e-6 to 1e6.
_SPANS: Mapping[str, Span] = {
    **dict.fromkeys(("HardSigmoid", "HardSwish", "Softplus", "Mish"), Span()),
    "Elu": Span(0.06, 20000.0),
    "Gelu": Span(1.2e-4, 40000.0),
    "PRelu": Span(1e-5),
    "Sin": Span(0.06, np.inf),
}
_SIXTEEN = {"uint16": (0, 65535), "int16": (-32768, 32767)}
_CASTS = frozenset({"Cast", "CastLike"})
_WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")


def beyond(model: Model, unit: Unit) -> str:
    """Why a 16-bit unit leaves what fp16 holds; "" where it does not, or is not of 16 bits."""
    nodes = [model.proto.graph.node[index] for index in unit.nodes]
    core = next((node for node in nodes if node.op_type == unit.op_type), None)
    if core is None or unit.domain:
        return ""
    if unit.op_type in _CASTS:
        return _cut(model, unit, core)
    span = _SPANS.get(unit.op_type)
    if span is None:
        return ""
    ends = [node for node in nodes if node.op_type == "DequantizeLinear"]
    reach = next((_reach(model, node) for node in ends if node.output[0] == core.input[0]), None)
    if reach is None or span.least <= reach <= span.most:
        return ""
    most = f"to {span.most:g}" if reach > span.most else f"from {span.least:g} on"
    return f"its input spans {reach:.3g} in 16 bits, which are computed in fp16 here: right {most}"


def _cut(model: Model, unit: Unit, cast: onnx.NodeProto) -> str:
    """Why whole numbers are made of other numbers than those of the 16 bits."""
    maker = model.producers.get(cast.input[0])
    made = model.tensors.get(cast.output[0])
    if made is None or made.dtype not in _WHOLE:
        return ""
    before = () if maker is None else model.units[maker].nodes
    nodes = [model.proto.graph.node[index] for index in (*before, *unit.nodes)]
    start = next((node for node in nodes if cast.input[0] in node.output), None)
    if start is None or start.op_type != "DequantizeLinear" or _reach(model, start) is None:
        return ""
    return "it makes whole numbers of 16 bits, of which fp16 holds 11: what lies just below 1 becomes 1"


def _reach(model: Model, node: onnx.NodeProto) -> float | None:
    """How far from 0 what a DequantizeLinear gives can be; None where it is not of 16 bits, or not known."""
    if len(node.input) < 3 or not all(name in model.initializers for name in node.input[1:]):
        return None
    ends = _SIXTEEN.get(model.initializers[node.input[2]].dtype)
    if ends is None:
        return None
    scale, zero = (np.asarray(model.array(name), np.float64).reshape(-1) for name in node.input[1:])
    return float(max(np.abs((end - zero) * scale).max() for end in ends))
