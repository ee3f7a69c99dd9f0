"""Logarithms of numbers that are too small for fp16: log(x + 1e-10) of a spectrum is log(0) there.

Who adds the tiny number says that x gets that small. So the logarithm, and the squares, sums and scalings that make x,
run elsewhere, back to the first operator that is none of these. A Sigmoid or a Softmax gets that small, too, and where
its logarithm is taken (F.logsigmoid), that is what it is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto
from zif.plugin import MOVES

if TYPE_CHECKING:
    from zif import Model, Unit

#: Half of the least number above 0 that fp16 has: what is smaller is 0 there.
VANISHING = 2.0**-25
_GATES = frozenset({"Sigmoid", "Softmax"})
_GUARDS = frozenset({"Add", "Max", "Clip"})
_MAKERS = _GUARDS | {"Mul", "Div", "Sub", "Pow", "Sqrt", "Abs", "ReduceSum", "ReduceMean", "ReduceSumSquare"}
_MOVERS = MOVES | {"Cast"}
#: How far back from a logarithm is looked.
_STEPS = 16


def of_tiny(model: Model) -> frozenset[str]:
    """The ids of the units that make or take the logarithm of numbers below fp16's."""
    makers = {name: unit for unit in model.units for name in unit.outputs}
    ids: set[str] = set()
    for unit in model.units:
        guard = makers.get(unit.inputs[0]) if unit.op_type == "Log" and not unit.domain and unit.inputs else None
        if guard is not None and guard.op_type in _GATES and not guard.domain:
            ids |= {unit.id, guard.id}
        if guard is not None and _guards(model, guard):
            ids.add(unit.id)
            ids.update(_chain(guard, makers))
    return frozenset(ids)


def _guards(model: Model, unit: Unit) -> bool:
    """Whether it keeps a value from 0 with a constant that is 0 in fp16."""
    if unit.op_type not in _GUARDS or unit.domain:
        return False
    kept = {t.name for t in model.proto.graph.initializer if t.data_location != TensorProto.EXTERNAL}
    constants = (model.array(name) for name in unit.weights if name in kept and _single(model, name))
    return any(0 < float(np.asarray(value, dtype=np.float64).reshape(-1)[0]) < VANISHING for value in constants)


def _single(model: Model, name: str) -> bool:
    info = model.initializers[name]
    return info.elements == 1 and "float" in info.dtype


def _chain(unit: Unit, makers: dict[str, Unit]) -> set[str]:
    """The unit and what it is made by, as far as that is arithmetic that squares, sums and scales."""
    chain, left = {unit.id}, [unit]
    while left and len(chain) < _STEPS:
        for name in left.pop().inputs:
            maker = makers.get(name)
            if maker is not None and maker.op_type in _MAKERS | _MOVERS and maker.id not in chain:
                chain.add(maker.id)
                left.append(maker)
    return chain
