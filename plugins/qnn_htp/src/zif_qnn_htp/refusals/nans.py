"""Questions for NaN that have one answer, as exporters write them behind every Softmax of an attention.

PyTorch's scaled_dot_product_attention becomes Where(IsNaN(Softmax(x)), 0, Softmax(x)), for rows that are masked wholly
with minus infinity. The HTP keeps no NaN, so an IsNaN there misses those that it is given: the table of observations
keeps it off. Behind a Softmax that no infinity reaches there is none to miss, and the attention need not come apart.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from zif.plugin import MOVES, infinite_values

if TYPE_CHECKING:
    from zif import Model

#: What a Softmax may go through before it is asked about: nothing here makes a NaN of a number.
_PASSING = MOVES | {"Cast"}


NEEDLESS = "NaN is missed here, and behind this Softmax there is none: no infinity reaches it"


def needless(model: Model) -> frozenset[str]:
    """The ids of the IsNaN units behind a Softmax that no infinity of the model's own reaches."""
    asking = [unit for unit in model.units if unit.op_type == "IsNaN" and not unit.domain]
    if not asking:
        return frozenset()
    infinite, _ = infinite_values(model, suspicious=True)
    return frozenset(unit.id for unit in asking if _behind_softmax(model, unit.inputs[0], infinite))


def _behind_softmax(model: Model, name: str, infinite: Collection[str]) -> bool:
    """Whether a value is what a Softmax of finite values gave."""
    while name in model.producers:
        unit = model.units[model.producers[name]]
        if unit.op_type == "Softmax":
            return not unit.domain and unit.inputs[0] not in infinite
        if unit.op_type not in _PASSING:
            return False
        name = unit.inputs[0]
    return False
