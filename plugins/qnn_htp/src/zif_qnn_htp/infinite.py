"""Which values of a model may be infinite by design, as masks of attention are.

The HTP computes in fp16 and keeps no infinities: a maximum over a mask, or a comparison with infinity, comes out wrong
there, while adding the mask and taking a softmax is harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    from zif import Model, Unit

#: Operators that hand an infinite value on as it is.
_CARRIERS = frozenset(
    {"Where", "Cast", "CastLike", "Pad", "Identity", "Add", "Concat", "Expand", "Reshape", "Unsqueeze", "Squeeze"}
    | {"Transpose", "Slice", "Tile", "Gather"}
)
#: Operators whose answer depends on the infinity itself.
_JUDGES = frozenset({"ReduceMax", "ReduceMin", "Equal", "Max", "Min", "IsInf", "IsNaN"})
#: Constants up to this many elements are looked into; masks and their fillers are small.
_LOOK = 1 << 16


def judged(model: Model) -> frozenset[str]:
    """The ids of the units that judge values which may be infinite, and of those that bring them there.

    A value that has been through the HTP is infinite no more, so whoever makes it for a judge runs elsewhere, too.
    """
    outside = _outside(model)
    here = {name: info for name, info in model.initializers.items() if name not in outside}
    infinite = {name for name, info in here.items() if _has_infinity(model, name, info.elements or 0)}
    if not infinite:
        return frozenset()
    carriers, found, wanted = [], set(), set[str]()
    for unit in model.units:
        if infinite.isdisjoint((*unit.inputs, *unit.weights)):
            continue
        if unit.op_type in _CARRIERS:
            infinite.update(unit.outputs)
            carriers.append(unit)
        elif _judges(unit):
            found.add(unit.id)
            wanted.update(unit.inputs)
    for unit in reversed(carriers):
        if not wanted.isdisjoint(unit.outputs):
            found.add(unit.id)
            wanted.update(unit.inputs)
    return frozenset(found)


def _outside(model: Model) -> frozenset[str]:
    """The initializers whose data lies in a file, where it stays unread."""
    kept = model.proto.graph.initializer
    return frozenset(tensor.name for tensor in kept if tensor.data_location == TensorProto.EXTERNAL)


def _judges(unit: Unit) -> bool:
    return not unit.domain and unit.op_type in _JUDGES


def _has_infinity(model: Model, name: str, count: int) -> bool:
    if not 0 < count <= _LOOK or not model.initializers[name].dtype.startswith(("float", "bfloat")):
        return False
    return bool(np.isinf(np.asarray(model.array(name), dtype=np.float64)).any())
