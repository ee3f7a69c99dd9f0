"""Products of two sums of squares whose root is taken: the lengths of two vectors, multiplied before their roots.

So PyTorch writes a cosine similarity. Of vectors of 256 elements around 1 each sum is 256 and their product 65536,
which is more than fp16 has, whatever the cosine. The sums, what makes them and what is made of their product up to the
root run elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif import Model, Unit

REASON = "it makes or takes the product of two sums of squares, which leaves fp16 for vectors of 256 elements around 1"
_GUARDS = frozenset({"Add", "Max", "Clip", "Unsqueeze", "Squeeze", "Reshape"})
#: How far a root may lie behind the product.
_STEPS = 4


def of_squares(model: Model) -> frozenset[str]:
    """The ids of the units of such products."""
    makers = {name: unit for unit in model.units for name in unit.outputs}
    ids: set[str] = set()
    for unit in model.units:
        if unit.op_type != "Sqrt" or unit.domain or not unit.inputs:
            continue
        path, product = [unit], makers.get(unit.inputs[0])
        while product is not None and product.op_type in _GUARDS and len(path) < _STEPS:
            path.append(product)
            product = makers.get(product.inputs[0])
        sides = [_sum(name, makers) for name in product.inputs] if product is not None and _multiplies(product) else []
        if len(sides) > 1 and all(sides):
            ids.update(member.id for member in (*path, product, *chain(*sides)) if member is not None)
    return frozenset(ids)


def _multiplies(unit: Unit) -> bool:
    return unit.op_type == "Mul" and not unit.domain and len(set(unit.inputs)) > 1


def _sum(name: str, makers: Mapping[str, Unit]) -> list[Unit]:
    """Who sums squares and who squares; empty for what is no such sum."""
    total = makers.get(name)
    if total is None or total.domain or total.op_type not in ("ReduceSum", "ReduceSumSquare"):
        return []
    if total.op_type == "ReduceSumSquare":
        return [total]
    square = makers.get(total.inputs[0])
    return [total, square] if square is not None and _squares(square) else []


def _squares(unit: Unit) -> bool:
    return unit.op_type == "Pow" or (unit.op_type == "Mul" and len(set(unit.inputs)) == 1 and not unit.weights)


__all__ = ["REASON", "of_squares"]
