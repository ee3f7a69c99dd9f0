"""Angles that are positions times frequencies, as of rotary embeddings: fp16 has no fraction left where it counts.

From 2048 on fp16 holds whole numbers only, and an angle of 1000 to within a quarter of a radian: the sine of that is
chance. What an angle is made of tells: whole numbers that are cast, or what is fed, times constants, put together and
moved. Nothing bounds those, so Sin and Cos run elsewhere with all that makes their angle, and what they turn stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.plugin import MOVES

if TYPE_CHECKING:
    from zif import Model, Unit

REASON = (
    "it makes or takes the angle of positions times frequencies, and fp16 holds no fraction of what leaves 2048: "
    "an angle of 1000 is known to a quarter of a radian there"
)
_TURNS = frozenset({"Sin", "Cos"})
_SCALES = frozenset({"Mul", "Div", "MatMul", "Einsum"})
_MAKES = _SCALES | MOVES | {"Add", "Sub", "Neg", "Concat", "Cast", "CastLike"}
#: How far back from a sine is looked.
_STEPS = 32


def of_positions(model: Model) -> frozenset[str]:
    """The ids of the units that make such an angle, or take its sine or cosine."""
    makers = {name: unit for unit in model.units for name in unit.outputs}
    ids: set[str] = set()
    for unit in model.units:
        if unit.op_type in _TURNS and not unit.domain and unit.inputs:
            path = _Path(model, makers)
            if path.leads(unit.inputs[0], False, 0):
                ids |= {unit.id, *path.units}
    return frozenset(ids)


class _Path:
    """What leads from positions to one angle."""

    def __init__(self, model: Model, makers: dict[str, Unit]) -> None:
        self._model, self._makers = model, makers
        self._fed = {value.name for value in model.inputs if value.dtype.startswith(("float", "bfloat"))}
        self._known: dict[tuple[str, bool], bool] = {}
        self.units: set[str] = set()

    def leads(self, name: str, scaled: bool, steps: int) -> bool:
        """Whether a value comes from positions; the units on the way are noted.

        scaled: whether it is multiplied further on: a number that is fed and not scaled is what the caller made it.
        """
        if name in self._fed:
            return scaled
        key = name, scaled
        if key not in self._known:
            self._known[key] = False
            self._known[key] = self._made(name, scaled, steps)
        return self._known[key]

    def _made(self, name: str, scaled: bool, steps: int) -> bool:
        unit = self._makers.get(name)
        if unit is None or steps > _STEPS or unit.domain or not _hands_on(self._model, unit):
            return False
        if unit.op_type in ("Cast", "CastLike") and _counts(self._model.tensors[unit.inputs[0]].dtype):
            self.units.add(unit.id)
            return True
        more = scaled or unit.op_type in _SCALES
        ways = [self.leads(name, more, steps + 1) for name in unit.inputs]  # all: each notes who is on it
        if any(ways):
            self.units.add(unit.id)
            return True
        return False


def _counts(dtype: str) -> bool:
    """Whether a type counts: integers of which many are more than fp16 holds with a fraction."""
    return dtype.startswith(("int", "uint"))


def _hands_on(model: Model, unit: Unit) -> bool:
    """Whether a unit scales, adds or moves: sums over many values are no positions any more."""
    if unit.op_type not in _MAKES or len(unit.nodes) > 1:
        return False
    if unit.op_type != "MatMul":
        return True
    node = model.proto.graph.node[unit.nodes[0]]
    shape = model.tensors[node.input[0]].shape
    return shape is not None and shape[-1:] == (1,)


__all__ = ["REASON", "of_positions"]
