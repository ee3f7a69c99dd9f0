"""How a model is quantized: the types, per tensor or per channel, and how ranges follow from what was observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen, validators
from zif import UsageError

METHODS = ("minmax", "percentile", "entropy", "mse")
ACTIVATIONS = ("uint8", "int8", "uint16", "int16")
WEIGHTS = ("int8", "uint8", "int4", "uint4", "int16", "uint16")


@frozen
class Recipe:
    """The types of activations and weights, and how their ranges are found.

    per_channel: one scale per output channel where QNN takes that (Conv, ConvTranspose, Gemm). tensor_weight: the type
    of weights that have one scale only; "" for that of the others. An unsigned type spends no values on the side of
    zero where a weight has none. symmetric: activations around zero; weights of a signed type always are, those of an
    unsigned one never. method: "minmax" takes the range that was
    observed, "percentile" cuts off what lies beyond `percentile` (in %, both sides together), "entropy" minimises the
    Kullback-Leibler divergence, "mse" the mean squared error. options: further `extra_options` of onnxruntime's
    quantizer. Biases are int32 with scale input × weight.
    """

    activation: str = field(default="uint8", validator=validators.in_(ACTIVATIONS))
    weight: str = field(default="int8", validator=validators.in_(WEIGHTS))
    per_channel: bool = True
    symmetric: bool = False
    tensor_weight: str = field(default="", validator=validators.in_(("", *WEIGHTS)))
    method: str = field(default="minmax", validator=validators.in_(METHODS))
    percentile: float = field(default=99.999, validator=[validators.gt(0.0), validators.le(100.0)])
    options: Mapping[str, Any] = field(factory=dict, hash=False)

    @property
    def name(self) -> str:
        """Bits of weights and activations: "w8a16"."""
        return f"w{_bits(self.weight)}a{_bits(self.activation)}"


def _bits(dtype: str) -> str:
    return dtype.lstrip("uint")


#: What a precision's name stands for. 16-bit weights are per tensor: QNN has no others.
PRESETS: Mapping[str, Recipe] = {
    "w8a8": Recipe("uint8", "int8", tensor_weight="uint8"),
    "w8a16": Recipe("uint16", "int8", tensor_weight="uint8"),
    "w4a16": Recipe("uint16", "int4"),
    "w16a16": Recipe("uint16", "int16", per_channel=False),
}


def recipe(given: str | Recipe, **changes: Any) -> Recipe:
    """The recipe of a preset's name, or the one given, with fields changed. Raises UsageError."""
    check_known(given)
    base = given if isinstance(given, Recipe) else PRESETS[given]
    fields = [one.name for one in attrs.fields(Recipe)]
    unknown = [name for name in changes if name not in fields]
    if unknown:
        raise UsageError(f"a recipe has no {unknown[0]!r}; it has {', '.join(fields)}")
    try:
        return attrs.evolve(base, **changes)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the recipe {base.name} cannot be changed so: {_plain(error)}") from error


def check_known(given: Any, *others: str) -> None:
    """Raise UsageError for what is neither a recipe nor the name of a preset, or of those that are known beside."""
    known = (*PRESETS, *others)
    if not isinstance(given, Recipe) and not (isinstance(given, str) and given in known):
        raise UsageError(f"unknown precision {given!r}; known: {', '.join(known)}")


def _plain(error: Exception) -> str:
    text = str(error.args[0]) if error.args else str(error)
    return text.split(" (got")[0] if " (got" in text else text
