"""Costs where nothing was fitted: a unit takes as long as its arithmetic or its memory traffic, whichever is longer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zif.planning.costs.features import Features
from zif.planning.costs.kinds import FEATURES
from zif.records import Rates

Floats = NDArray[np.float64]

#: Arithmetic beyond the multiply-accumulates, as what takes equally long, per element (per MAC for the depthwise kinds,
#: which run at a quarter of the rate of the dense ones) [estimated].
_EXTRA = {
    **{"depthwise": 3.0, "depthwise_large": 3.0, "conv3d": 0.3e3, "elementwise": 1.0, "transcendental": 12.0},
    **{"softmax": 20.0, "norm": 6.0, "reduce": 1.0, "pool": 4.0, "average_pool": 4.0, "slice": 1.0, "transpose": 2.0},
}
_WEIGHTS = np.array([_EXTRA.get(name, 0.0) * 1e6 for name in FEATURES])
_OP = list(FEATURES).index("op")


def microseconds(features: Features, rates: Rates, macs_per_s: float, width: float) -> Floats:
    """float64[n] for n units in one precision: `macs_per_s` of it, `width` bytes an element."""
    arithmetic = (features.macs + features.counts @ _WEIGHTS) / macs_per_s
    memory = (features.elements + features.weights) * 1e6 * width / rates.bytes_per_s
    us: Floats = np.maximum(arithmetic, memory) * 1e6 + rates.op_us * features.counts[:, _OP]
    return us
