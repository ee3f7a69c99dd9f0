"""What a mix of precisions costs where no target says: bit operations, the measure of papers on mixed precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zif.plugin import DTYPE_BITS

from zif_quantize.recipes import Recipe

if TYPE_CHECKING:
    from zif import Model, Unit

#: Bits of what stays in float.
FLOAT_BITS = 32


def bit_operations(model: Model, levels: Mapping[str, Recipe | str]) -> dict[str, float]:
    """Per unit: MACs × bits of the weights × bits of the activations; results × bits for a unit without MACs.

    levels: each unit's recipe, or the word for float, which counts as 32 bits.
    """
    return {unit.id: _of(model, unit, levels[unit.id]) for unit in model.units if unit.id in levels}


def _of(model: Model, unit: Unit, level: Recipe | str) -> float:
    weight = activation = FLOAT_BITS
    if isinstance(level, Recipe):
        weight, activation = DTYPE_BITS[level.weight], DTYPE_BITS[level.activation]
    if unit.macs:
        return float(unit.macs * weight * activation)
    return float(sum(model.tensors[name].elements or 0 for name in unit.outputs) * activation)
