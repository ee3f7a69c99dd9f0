"""The rules of several backends for quantized models as one record, in which what each of them says holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from zif.errors import UsageError
from zif.records import FixedRange, QuantizationRules, WeightType


class _Contradiction(Exception):
    """Two values of a rule that no model can have both of."""


def _same(value: Any, other: Any) -> Any:
    if value != other:
        raise _Contradiction
    return value


def _least(bound: int | None, other: int | None) -> int | None:
    return min((limit for limit in (bound, other) if limit is not None), default=None)


def _of_both(rows: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Rows for operators from both; two for the same operator and bits must say the same."""
    for row in rows:
        for against in other:
            apart = row.op_type != against.op_type or _bits(row).isdisjoint(_bits(against))
            if not apart and attrs.astuple(row)[1:-1] != attrs.astuple(against)[1:-1]:
                raise _Contradiction
    return tuple(dict.fromkeys((*rows, *other)))


def _bits(row: FixedRange | WeightType) -> set[int]:
    return set(row.bits if isinstance(row, FixedRange) else row.beside)


def _both(side: Any, other: Any) -> Any:
    return side & other


def _either(side: Any, other: Any) -> Any:
    return side | other


#: For each rule, what two backends' values make: allowances shrink to what both have, demands add up.
COMBINE: Mapping[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(("fused", "per_channel", "per_channel_bits", "int4"), _both),
    **dict.fromkeys(("batch_normalization_as_conv", "merged_activations", "unsigned_weights"), _both),
    **dict.fromkeys(("int4_single_values", "int4_scale_with_bias"), _both),
    **dict.fromkeys(("float_operators", "decades_in_float", "split_clips", "matmul_for_gemm"), _either),
    **dict.fromkeys(("pads_in_input_encoding", "symmetric_activations", "equal_bias_steps"), _either),
    **dict.fromkeys(("least_range", "least_channel_scale"), max),
    **dict.fromkeys(("fixed_ranges", "weight_types"), _of_both),
    "int4_max_rank": _least,
    "signed_activations": _same,
}


def combined(said: Mapping[str, QuantizationRules]) -> QuantizationRules:
    """The rules of backends by name as one; the default's for none. Raises UsageError where two contradict."""
    if not said:
        return QuantizationRules()
    (first, rules), *others = said.items()
    for name, more in others:
        for field, combine in COMBINE.items():
            try:
                value = combine(getattr(rules, field), getattr(more, field))
            except _Contradiction:
                raise UsageError(
                    f"{name} and {first} want {field} of a quantized model in ways that one model cannot have both of: "
                    f"take the rules of one of them (--rules {name}), or exclude the other"
                ) from None
            rules = attrs.evolve(rules, **{field: value})
    return rules
