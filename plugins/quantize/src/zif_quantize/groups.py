"""Units whose precision is chosen together: an operator with what only moves or clips its result."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import frozen
from zif.plugin import MOVES

from zif_quantize.float_units import in_float

if TYPE_CHECKING:
    from zif import Model, Unit

#: Operators that give what they read, moved or clipped: an encoding of their own would only add a conversion. What Pad
#: puts in is mostly zero, which every range has; what MaxPool, Relu and Clip leave lies in the range that they read.
PASSIVE = MOVES | {"Pad", "MaxPool", "Relu", "Clip"}
#: What a bias is added behind.
_PRODUCTS = frozenset({"MatMul", "Gemm", "Conv", "ConvTranspose"})


@frozen
class Group:
    """Units (by id) with one precision, named after the first that computes."""

    name: str
    units: tuple[str, ...]


def groups(model: Model, most: int = 0) -> list[Group]:
    """The groups of a model that is prepared for quantizing, in topological order.

    What has no float result, or no quantized form, is in none. With `most` (0: any number), neighbours in the order of
    computation are taken together until there are no more groups than that.
    """
    leader: dict[str, str] = {}
    members: dict[str, list[Unit]] = {}
    for unit in model.units:
        if quantizable(model, unit):
            before = _joins(model, unit)
            home = leader.get(before, unit.id) if before else unit.id
            leader[unit.id] = home
            members.setdefault(home, []).append(unit)
    named = [_named(units) for units in members.values()]
    return _merged(named, most) if most and len(named) > most else named


def quantizable(model: Model, unit: Unit) -> bool:
    """Whether the unit has a precision to choose: it computes floats, and from values, not from constants alone."""
    if in_float(model, unit) or not unit.inputs:
        return False
    return all(model.tensors[name].dtype in ("float32", "float16") for name in unit.outputs)


def _joins(model: Model, unit: Unit) -> str:
    """The id of the unit whose precision this one shares; "" for one of its own."""
    maker = model.producers.get(unit.inputs[0])
    if maker is None:
        return ""
    before = model.units[maker]
    biased = unit.op_type == "Add" and len(unit.inputs) == 1 and before.op_type in _PRODUCTS
    alone = len(model.consumers[unit.inputs[0]]) == 1
    return before.id if unit.op_type in PASSIVE or (biased and alone) else ""


def _named(units: Sequence[Unit]) -> Group:
    first = next((unit for unit in units if unit.op_type not in PASSIVE), units[0])
    return Group(first.id, tuple(unit.id for unit in units))


def _merged(groups: Sequence[Group], most: int) -> list[Group]:
    """Neighbours together, so that the parts hold about as many groups each."""
    bounds = [round(part * len(groups) / most) for part in range(most + 1)]
    spans = [groups[low:high] for low, high in pairwise(bounds)]
    return [Group(part[0].name, tuple(unit for group in part for unit in group.units)) for part in spans if part]
