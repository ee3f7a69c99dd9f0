"""How a model is quantized: the types, per tensor or per channel, and how ranges follow from what was observed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen, validators
from zif import UsageError
from zif.plugin import QuantizationRules

METHODS = ("minmax", "percentile", "entropy", "mse")
ACTIVATIONS = ("uint8", "int8", "uint16", "int16")
WEIGHTS = ("int8", "uint8", "int4", "uint4", "int16", "uint16")


@frozen
class Recipe:
    """The types of activations and weights, and how their ranges are found.

    per_channel: one scale per output channel where the rules have that (Conv, ConvTranspose, Gemm). tensor_weight: the
    type of weights that have one scale only; "" for that of the others. An unsigned type spends no values on the side
    of zero where a weight has none. symmetric: activations around zero; weights of a signed type always are, those of
    an unsigned one never. method: "minmax" takes the range that was observed, "percentile" cuts off what lies beyond
    `percentile` (in %, both sides together), "entropy" minimises the Kullback-Leibler divergence, "mse" the mean
    squared error. room: with "minmax", how many times as wide as observed a range is, for what data to come has beyond;
    results of Softmax, Sigmoid and the like end where they must. options: further `extra_options` of onnxruntime's
    quantizer. Biases are int32 with scale input × weight.
    """

    activation: str = field(default="uint8", validator=validators.in_(ACTIVATIONS))
    weight: str = field(default="int8", validator=validators.in_(WEIGHTS))
    per_channel: bool = True
    symmetric: bool = False
    tensor_weight: str = field(default="", validator=validators.in_(("", *WEIGHTS)))
    method: str = field(default="minmax", validator=validators.in_(METHODS))
    percentile: float = field(default=99.999, validator=[validators.gt(0.0), validators.le(100.0)])
    room: float = field(default=1.0, validator=[validators.ge(1.0), validators.le(16.0)])
    options: Mapping[str, Any] = field(factory=dict, hash=False)

    @property
    def name(self) -> str:
        """Bits of weights and activations: "w8a16"."""
        return f"w{bits(self.weight)}a{bits(self.activation)}"


def bits(dtype: str) -> int:
    """How many bits an integer type has."""
    return int(dtype.lstrip("uint"))


#: What a precision's name stands for by the default's rules.
PRESETS: Mapping[str, Recipe] = {
    "w8a8": Recipe("uint8", "int8", tensor_weight="uint8"),
    "w8a16": Recipe("uint16", "int8", tensor_weight="uint8"),
    "w4a16": Recipe("uint16", "int4"),
    "w16a16": Recipe("uint16", "int16", per_channel=False),
}


def recipe(word: str | Recipe, rules: QuantizationRules | None = None, **changes: Any) -> Recipe:
    """The recipe of a preset's name by the rules, or the one given as it is, with fields changed. Raises UsageError."""
    check_known(word)
    base = word if isinstance(word, Recipe) else by_rules(PRESETS[word], rules or QuantizationRules())
    fields = [field.name for field in attrs.fields(Recipe)]
    unknown = [name for name in changes if name not in fields]
    if unknown:
        raise UsageError(f"a recipe has no {unknown[0]!r}; it has {', '.join(fields)}")
    try:
        return attrs.evolve(base, **changes)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the recipe {base.name} cannot be changed so: {_plain(error)}") from error


def said_by(defaults: Mapping[str, int], where: str = "the encodings") -> str | Recipe:
    """What the default bitwidths of an encodings file ask for; "w8a8" where it has none. Raises UsageError."""
    weight, activation = (defaults.get(kind, 8) for kind in ("param", "activation"))
    name = f"w{weight}a{activation}"
    if name in PRESETS:
        return name
    if weight not in (4, 8, 16) or activation not in (8, 16):
        raise UsageError(
            f"{where} say param_bitwidth {weight} and activation_bitwidth {activation}, for which there is no recipe: "
            "name a precision for what they leave open"
        )
    return Recipe(f"uint{activation}", f"int{weight}")


def by_rules(preset: Recipe, rules: QuantizationRules) -> Recipe:
    """A preset with the types that a backend wants."""
    per_channel = bool(rules.per_channel) and bits(preset.weight) in rules.per_channel_bits
    return attrs.evolve(
        preset,
        activation=preset.activation.removeprefix("u") if rules.signed_activations else preset.activation,
        tensor_weight=preset.tensor_weight if rules.unsigned_weights else "",
        symmetric=preset.symmetric or rules.symmetric_activations,
        per_channel=per_channel,
    )


def check_known(name: Any, *others: str) -> None:
    """Raise UsageError for what is neither a recipe nor the name of a preset, or of those that are known beside."""
    known = (*PRESETS, *others)
    if not isinstance(name, Recipe) and not (isinstance(name, str) and name in known):
        raise UsageError(f"unknown precision {name!r}; known: {', '.join(known)}")


def _plain(error: Exception) -> str:
    text = str(error.args[0]) if error.args else str(error)
    return text.split(" (got")[0] if " (got" in text else text
