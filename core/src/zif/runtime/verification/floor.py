"""What a precision must cost at least: a model as a backend's arithmetic would have it, for a judge to run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from zif.planning.costs.precisions import on_processor
from zif.runtime.verification.rounding import rounded, without_rounding

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Capabilities, Target

_INTEGERS = ("int16", "int8", "int4")


def computes_in(general: Capabilities, target: Target, kinds: Iterable[str]) -> str:
    """What a backend computes units of these precisions in: "fp16", or "int8" where one of them is quantized so."""
    rates = general.rates or target.processors.get(general.processor)
    offered = rates.macs_per_s if rates else {general.preferred_precision: 1.0}
    there = set(kinds)
    own = next((kind for kind in _INTEGERS if kind in there), "fp32")
    return on_processor(own, offered, general.preferred_precision)


def floor(model: Model, precision: str) -> Model:
    """The model with every tensor rounded to the precision; a quantized one, which is rounded, without its rounding."""
    if precision.startswith("int"):
        return without_rounding(model) or model
    return rounded(model, precision)
