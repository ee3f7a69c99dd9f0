"""Two things run on the same inputs, and how far they are apart: outputs, inner tensors, where the error starts."""

from __future__ import annotations

from zif.comparing.measures import Figures, Tally
from zif.comparing.ranges import RangeCheck, validate_quantization_range
from zif.comparing.record import Compared, Comparison, Ran
from zif.comparing.run import compare
from zif.comparing.sides import Side, side

__all__ = [
    "Compared",
    "Comparison",
    "Figures",
    "Ran",
    "RangeCheck",
    "Side",
    "Tally",
    "compare",
    "side",
    "validate_quantization_range",
]
