"""Two things run on the same inputs, and how far they are apart: outputs, inner tensors, where the error starts."""

from __future__ import annotations

from zif.evaluation.comparison.ranges import RangeCheck, validate_quantization_range
from zif.evaluation.comparison.record import Compared, Comparison, Ran
from zif.evaluation.comparison.run import compare
from zif.evaluation.comparison.sides import Side, side
from zif.runtime.measures import Figures, Tally

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
