"""Numbers that stand for infinity: what they do to ranges, undone.

A mask of -10000 or -3e38 before a Softmax, or a Max with the least float, says "not this one". Taken at its word it
would stretch the range of a tensor until everything else is zero. Quantized values saturate, so it is enough that the
range ends safely below everything that matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen
from zif.plugin import MOVES, attribute

from zif_quantize.rules import prepared_by

if TYPE_CHECKING:
    import onnx
    from zif import Model

    Pair = tuple[float, float]

#: e to the power of minus this is nothing beside 1 in 16 bits.
NOTHING = 20.0
#: Magnitudes beyond this are no measured values.
HUGE = 1e30


@frozen
class Masked:
    """A masked Softmax: the values on the way up to the Add, the mask, and where the mask's range may end."""

    way: tuple[str, ...]
    mask: str
    low: float
    floor: float


def tamed(model: Model, limits: Mapping[str, Pair]) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """The ranges of values, and those of constants that must not be taken from their data."""
    ranges, constants, within = dict(limits), {}, prepared_by(model).pads_in_input_encoding
    nodes = model.proto.graph.node
    makers = {name: node for node in nodes for name in node.output}
    masked: list[Masked] = []
    for node in nodes:
        if node.op_type in ("Max", "Min"):
            constants.update(_bounds(model, node, limits))
        elif node.op_type == "Pad" and len(node.input) > 2:
            _padded(model, node, ranges, constants, within)
        elif node.op_type == "Softmax":
            mask = _masked(model, makers, node.input[0], limits)
            masked += [mask] if mask else []
    floors: dict[str, float] = {}
    for mask in masked:  # layers share a mask: it ends below what matters in each
        floors[mask.mask] = min(mask.floor, floors.get(mask.mask, 0.0))
    for mask in masked:
        for name in mask.way:
            if name in ranges:
                ranges[name] = max(ranges[name][0], floors[mask.mask] + mask.low), ranges[name][1]
    for name, floor in floors.items():
        _end(model, makers, name, floor, ranges, constants)
    return ranges, constants


def _bounds(model: Model, node: onnx.NodeProto, limits: Mapping[str, Pair]) -> dict[str, Pair]:
    """Max(x, -3e38) is x: the constant's range ends where that of x does."""
    ends = [limits[name] for name in node.input if name in limits]
    if not ends:
        return {}
    low, high = min(a for a, _ in ends), max(b for _, b in ends)
    own = {name: _data(model, name) for name in node.input}
    return {name: (low, high) for name, value in own.items() if value is not None and np.abs(value).max() > HUGE}


def _padded(
    model: Model, node: onnx.NodeProto, ranges: dict[str, Pair], constants: dict[str, Pair], within: bool
) -> None:
    """The result of padding with a number like -3e38 has the range of what is padded.

    within: what is padded has any other number in its range, for backends that pad in the encoding of the input.
    """
    source, result, number = node.input[0], node.output[0], node.input[2]
    value = _data(model, number)
    if attribute(node, "mode", "constant") != "constant":
        return
    if value is None or source not in ranges or result not in ranges:
        return
    low, high = ranges[source]
    if abs(value) > HUGE:
        ranges[result] = constants[number] = low, high
    elif within:
        ranges[source] = ranges[result] = min(low, float(value)), max(high, float(value))


def _data(model: Model, name: str) -> Any:
    info = model.initializers.get(name)
    if info is None or info.dtype not in ("float32", "float16") or not info.elements:
        return None
    return model.array(name)


def _masked(
    model: Model, makers: Mapping[str, onnx.NodeProto], value: str, limits: Mapping[str, Pair]
) -> Masked | None:
    """Follow a Softmax's input up to the Add or Where that masks it; None when nothing does, or mildly."""
    way = [value]
    while value in makers and makers[value].op_type in MOVES:
        value = makers[value].input[0]
        way.append(value)
    node = makers.get(value)
    if node is None or node.op_type not in ("Add", "Where"):
        return None
    ends = {side: _range(model, side, limits) for side in node.input[-2:]}
    known = {side: pair for side, pair in ends.items() if pair is not None}
    if len(known) < 2:
        return None
    scores, mask = sorted(known, key=lambda side: known[side][0], reverse=True)
    low, high = known[scores]
    floor = low - (high - low) - NOTHING
    return Masked(tuple(way), mask, low, floor) if known[mask][0] < floor else None


def _range(model: Model, name: str, limits: Mapping[str, Pair]) -> Pair | None:
    if name in limits:
        return limits[name]
    value = _data(model, name)
    return None if value is None else (float(value.min()), float(value.max()))


def _end(
    model: Model,
    makers: Mapping[str, onnx.NodeProto],
    name: str,
    floor: float,
    ranges: dict[str, Pair],
    constants: dict[str, Pair],
) -> None:
    """End the range of a mask and of what it is made of by moving values only."""
    if name in model.initializers:
        constants[name] = floor, max(0.0, float(model.array(name).max()))
        return
    while name in ranges:
        ranges[name] = max(ranges[name][0], floor), max(ranges[name][1], 0.0)
        maker = makers.get(name)
        if maker is None or maker.op_type not in MOVES:
            constants.update(_made_of(model, maker, floor))
            return
        name = maker.input[0]


def _made_of(model: Model, maker: onnx.NodeProto | None, floor: float) -> dict[str, Pair]:
    """A mask is (1 - m) · -3.4e38, or where(m, 0, -3.4e38): its constant ends where the mask does.

    The steps of a range of 3.4e38 do not end at it but at infinity, and 0 · infinity is not 0.
    """
    if maker is None or maker.op_type not in ("Mul", "Where"):
        return {}
    own = {name: _data(model, name) for name in maker.input}
    ends = {name: value for name, value in own.items() if value is not None and value.min() < -HUGE}
    return {name: (floor, max(0.0, float(value.max()))) for name, value in ends.items()}
