"""Which values of a model may be infinite by design, as masks of attention are.

NPUs that compute in fp16 keep no infinities: a maximum over a mask, or a comparison with infinity, comes out wrong
there, while adding the mask and taking a softmax is harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from zif.model.encodings.operators import MOVES

if TYPE_CHECKING:
    from zif.model import Model, Unit

#: Operators that hand an infinite value on as it is: moved, chosen, added to, or in another type.
_CARRIERS = MOVES | {"Where", "Cast", "CastLike", "Pad", "Add", "Concat"}
#: Operators whose answer depends on the infinity itself.
_JUDGES = frozenset({"ReduceMax", "ReduceMin", "Equal", "Max", "Min", "IsInf", "IsNaN"})
#: Constants up to this many elements are looked into; masks and their fillers are small.
_LOOK = 1 << 16


def judged(model: Model) -> frozenset[str]:
    """The ids of the units that judge values which may be infinite, and of those that bring them there.

    A value that has been through such an NPU is infinite no more, so whoever makes it for a judge runs elsewhere, too.
    """
    infinite, carriers = spread(model)
    if not infinite:
        return frozenset()
    judging = [unit for unit in model.units if _judges(unit) and not infinite.isdisjoint((*unit.inputs, *unit.weights))]
    ids = {unit.id for unit in judging}
    wanted = {name for unit in judging for name in unit.inputs}
    for unit in reversed(carriers):
        if not wanted.isdisjoint(unit.outputs):
            ids.add(unit.id)
            wanted.update(unit.inputs)
    return frozenset(ids)


def spread(model: Model, suspicious: bool = False) -> tuple[set[str], list[Unit]]:
    """The values that may be infinite by the model's own constants, and the units that carry them on, in order.

    suspicious: constants that are not looked into, for their size or because they lie in a file, may be, too.
    """
    outside = _outside(model)
    infinite = {
        name
        for name, info in model.initializers.items()
        if info.dtype.startswith(("float", "bfloat"))
        and (suspicious if name in outside or (info.elements or 0) > _LOOK else _has_infinity(model, name))
    }
    carriers: list[Unit] = []
    for unit in model.units if infinite else ():
        if unit.op_type in _CARRIERS and not infinite.isdisjoint((*unit.inputs, *unit.weights)):
            infinite.update(unit.outputs)
            carriers.append(unit)
    return infinite, carriers


def _outside(model: Model) -> frozenset[str]:
    """The initializers whose data lies in a file, where it stays unread."""
    kept = model.proto.graph.initializer
    return frozenset(tensor.name for tensor in kept if tensor.data_location == TensorProto.EXTERNAL)


def _judges(unit: Unit) -> bool:
    return not unit.domain and unit.op_type in _JUDGES


def _has_infinity(model: Model, name: str) -> bool:
    return bool(np.isinf(np.asarray(model.array(name), dtype=np.float64)).any())
