"""Whole numbers that are computed with as floats and become whole numbers again: positions, counts, rows of a table.

From 2048 on fp16 holds every second of them only, and row 3001 of a table becomes row 3000. What lies between the cast
into floats and the cast out of them runs elsewhere, both casts with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.plugin import MOVES

if TYPE_CHECKING:
    from zif import Model, Unit

REASON = "it counts in floats what becomes a whole number again, and from 2048 on fp16 holds every second of them only"
_CASTS = frozenset({"Cast", "CastLike"})
#: What makes a count of counts.
_CARRIES = MOVES | {
    *("Add", "Sub", "Mul", "Div", "Mod", "Neg", "Abs", "Floor", "Ceil", "Round", "Sqrt", "Pow", "Clip", "Relu"),
    *("Min", "Max", "Where", "Concat", "CumSum", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean"),
}
_WIDE = ("int16", "int32", "int64", "uint16", "uint32", "uint64")


def of_whole_numbers(model: Model) -> frozenset[str]:
    """The ids of the units that bring such numbers into floats, compute with them, and bring them out again."""
    counted: set[str] = set()
    unchanged: set[str] = set()  # straight from a cast: into floats and out again is no arithmetic, and done exactly
    carriers: list[Unit] = []
    ends: list[Unit] = []
    for unit in model.units:
        if unit.domain or len(unit.nodes) > 1 or not unit.inputs:
            continue
        into, out = (_is_wide(model, names[0]) for names in (unit.inputs, unit.outputs))
        if unit.op_type in _CASTS and into and not out:
            counted.update(unit.outputs if _is_float(model, unit.outputs[0]) else ())
            unchanged.update(unit.outputs)
            carriers.append(unit)
        elif unit.op_type in _CASTS and out and unit.inputs[0] in counted and unit.inputs[0] not in unchanged:
            ends.append(unit)
        elif unit.op_type in _CARRIES | _CASTS and not counted.isdisjoint(unit.inputs):
            counted.update(name for name in unit.outputs if _is_float(model, name))
            carriers.append(unit)
    return _between(ends, carriers)


def _between(ends: list[Unit], carriers: list[Unit]) -> frozenset[str]:
    """The ends with the carriers, given in order, that lead to them."""
    ids = {unit.id for unit in ends}
    wanted = {unit.inputs[0] for unit in ends}
    for unit in reversed(carriers):
        if not wanted.isdisjoint(unit.outputs):
            ids.add(unit.id)
            wanted.update(unit.inputs)
    return frozenset(ids)


def _is_wide(model: Model, name: str) -> bool:
    return name in model.tensors and model.tensors[name].dtype in _WIDE


def _is_float(model: Model, name: str) -> bool:
    return name in model.tensors and model.tensors[name].dtype in ("float32", "float16", "bfloat16")


__all__ = ["REASON", "of_whole_numbers"]
