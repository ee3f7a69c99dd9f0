"""Numbers that stand for infinity: what they do to ranges, undone.

A mask of -10000 or -3e38 before a Softmax, or a Max with the least float, says "not this one". Taken at its word it
would stretch the range of a tensor until everything else is zero. Quantized values saturate, so it is enough that the
range ends safely below everything that matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

    from zif.model import Model

    Pair = tuple[float, float]

#: e to the power of minus this is nothing beside 1 in 16 bits.
NOTHING = 20.0
#: Operators that leave values as they are, between a mask and its Softmax.
PASSING = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Expand", "Slice"})
#: Magnitudes beyond this are no measured values.
HUGE = 1e30


def tamed(model: Model, limits: Mapping[str, Pair]) -> tuple[dict[str, Pair], dict[str, Pair]]:
    """The ranges of values, and those of constants that must not be taken from their data."""
    found, constants = dict(limits), {}
    nodes = model.proto.graph.node
    makers = {name: node for node in nodes for name in node.output}
    for node in nodes:
        if node.op_type in ("Max", "Min"):
            constants.update(_bounds(model, node, found))
        elif node.op_type == "Softmax":
            _mask(model, makers, node.input[0], found, constants)
    return found, constants


def _bounds(model: Model, node: onnx.NodeProto, found: Mapping[str, Pair]) -> dict[str, Pair]:
    """Max(x, -3e38) is x: the constant's range ends where that of x does."""
    ends = [found[name] for name in node.input if name in found]
    if not ends:
        return {}
    low, high = min(a for a, _ in ends), max(b for _, b in ends)
    own = {name: _data(model, name) for name in node.input}
    return {name: (low, high) for name, value in own.items() if value is not None and np.abs(value).max() > HUGE}


def _data(model: Model, name: str) -> Any:
    info = model.initializers.get(name)
    if info is None or info.dtype not in ("float32", "float16") or not info.elements:
        return None
    return model.array(name)


def _mask(
    model: Model,
    makers: Mapping[str, onnx.NodeProto],
    value: str,
    found: dict[str, Pair],
    constants: dict[str, Pair],
) -> None:
    """Follow a Softmax's input up to the Add or Where that masks it, and end the ranges on the way."""
    way = [value]
    while value in makers and makers[value].op_type in PASSING:
        value = makers[value].input[0]
        way.append(value)
    node = makers.get(value)
    if node is None or node.op_type not in ("Add", "Where") or value not in found:
        return
    sides = list(node.input[-2:])
    ends = {side: _range(model, side, found) for side in sides}
    if None in ends.values():
        return
    scores, mask = sorted(sides, key=lambda side: (ends[side] or (0, 0))[0], reverse=True)
    low, high = ends[scores] or (0.0, 0.0)
    floor = low - (high - low) - NOTHING
    if (ends[mask] or (0.0, 0.0))[0] >= floor:
        return
    for name in way:
        if name in found:
            found[name] = max(found[name][0], 2 * floor), found[name][1]
    _end(makers, mask, floor, found, constants, model)


def _range(model: Model, name: str, found: Mapping[str, Pair]) -> Pair | None:
    if name in found:
        return found[name]
    value = _data(model, name)
    return None if value is None else (float(value.min()), float(value.max()))


def _end(
    makers: Mapping[str, onnx.NodeProto],
    name: str,
    floor: float,
    found: dict[str, Pair],
    constants: dict[str, Pair],
    model: Model,
) -> None:
    """End the range of a mask and of what it is made of by moving values only."""
    if name in model.initializers:
        constants[name] = floor, max(0.0, float(model.array(name).max()))
        return
    while name in found:
        found[name] = max(found[name][0], floor), max(found[name][1], 0.0)
        if name not in makers or makers[name].op_type not in PASSING:
            return
        name = makers[name].input[0]
