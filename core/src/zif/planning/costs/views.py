"""Transpositions that move no data: an engine keeps channels last, and reads an operand either way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zif.model.attributes import attribute_list
from zif.planning.costs.kinds import kind_of
from zif.planning.costs.shapes import Shape

if TYPE_CHECKING:
    from zif.model import Model

_TO_LAST = ((0, 2, 3, 1), (0, 2, 3, 4, 1))
_TO_SECOND = ((0, 3, 1, 2), (0, 4, 1, 2, 3))


#: What leaves a picture one, on its way to the first convolution.
_ON_THE_WAY = frozenset({"elementwise", "transcendental", "pad", "slice", "concat"})


def pictures(model: Model) -> list[str]:
    """The inputs of four axes and more that a convolution or a pool reads, directly or after some preparation."""
    read: set[str] = set()
    for unit in reversed(model.units):
        kind = kind_of(unit.op_type, unit.macs)
        if kind in ("conv", "pool", "average_pool"):
            read.update(unit.inputs[:1])
        elif kind in _ON_THE_WAY and not read.isdisjoint(unit.outputs):
            read.update(unit.inputs)
    return [value.name for value in model.inputs if len(value.shape or ()) >= 4 and value.name in read]


def orders(model: Model) -> Mapping[str, Sequence[int]]:
    """The order of axes by unit, of every transposition that states one."""
    nodes = model.proto.graph.node
    by_unit = {}
    for unit in model.units:
        if unit.op_type == "Transpose":
            stated = (
                attribute_list(nodes[index], "perm") for index in unit.nodes if nodes[index].op_type == "Transpose"
            )
            by_unit[unit.id] = tuple(int(axis) for axis in next(stated, ()))
    return by_unit


def view(shape: Shape, order: Sequence[int], image: bool, operand: bool) -> str:
    """What is left, "image" (the second axis holds the channels) or "plain"; "" where data has to move.

    image: whether it is one now. operand: whether a product is all that reads it, as its second factor.
    """
    if len(order) != len(shape):
        return ""
    if tuple(order) in _TO_SECOND:
        return "image"
    kept = [axis for axis in order if shape[axis] != 1]
    if (image and tuple(order) in _TO_LAST) or kept == sorted(kept) or (operand and _swaps_last(order)):
        return "plain"
    return ""


def _swaps_last(order: Sequence[int]) -> bool:
    n = len(order)
    return n >= 2 and list(order) == [*range(n - 2), n - 1, n - 2]
