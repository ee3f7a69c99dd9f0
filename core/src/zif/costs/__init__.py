"""What a unit costs on a processor: a plain roofline over its rates, in microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zif.errors import UsageError
from zif.records import Capabilities, Rates, Target

if TYPE_CHECKING:
    from zif.model import Model


class CostModel:
    """Costs for one target."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def rates(self, capabilities: Capabilities) -> Rates:
        """The backend's own rates, or those of the target's processor."""
        found = capabilities.rates or self.target.processors.get(capabilities.processor)
        if found is None:
            raise UsageError(f"{self.target.name} has no {capabilities.processor}")
        return found

    def unit_costs(self, model: Model, capabilities: Capabilities) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """(float64[n] microseconds, object[n] source) for every unit of the model."""
        rates = self.rates(capabilities)
        fastest = max(rates.macs_per_s.values())
        macs = np.array([unit.macs for unit in model.units], dtype=np.float64)
        moved = np.array([(unit.bytes or 0) + unit.weight_bytes for unit in model.units], dtype=np.float64)
        us = np.maximum(macs / fastest, moved / rates.bytes_per_s) * 1e6 + rates.op_us
        return us, np.full(len(us), "roofline", dtype=object)
