"""Inputs and outputs of the two, matched; what does not fit is one clear error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import UsageError

if TYPE_CHECKING:
    from zif.records import TensorInfo

_FLOATS = frozenset({"float32", "float16", "float64", "bfloat16"})


@frozen
class Ends:
    """B's names of A's inputs and outputs, and the dtypes that B's inputs have."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    dtypes: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def for_b(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A's inputs under B's names; floats in the width that B takes."""
        from zif.model.dtypes import numpy_dtype

        renamed = {}
        for name, value in values.items():
            theirs = self.inputs.get(name, name)
            wanted = self.dtypes.get(theirs, "")
            other = wanted in _FLOATS and getattr(value, "dtype", None) not in (None, numpy_dtype(wanted))
            renamed[theirs] = value.astype(numpy_dtype(wanted)) if other else value
        return renamed


def match(
    inputs: tuple[Sequence[TensorInfo], Sequence[TensorInfo]],
    outputs: tuple[Sequence[TensorInfo], Sequence[TensorInfo]],
) -> Ends:
    """Match by name, and by place where no name is the same but number, types and shapes are.

    Raises UsageError saying which input or output has no counterpart, or differs in type or shape.
    """
    into, first = _paired("input", *inputs)
    out, second = _paired("output", *outputs)
    dtypes = {info.name: info.dtype for info in inputs[1]}
    return Ends(into, out, dtypes, tuple(note for note in (first, second) if note))


def _paired(kind: str, a: Sequence[TensorInfo], b: Sequence[TensorInfo]) -> tuple[dict[str, str], str]:
    ours, theirs = {info.name: info for info in a}, {info.name: info for info in b}
    if ours.keys() == theirs.keys():
        pairs, note = [(info, theirs[info.name]) for info in a], ""
    elif len(a) == len(b) and not ours.keys() & theirs.keys() and not any(map(_difference, a, b)):
        pairs = list(zip(a, b, strict=True))
        note = f"the {kind}s have other names in B and were matched by their place"
    else:
        raise UsageError(_unlike(kind, list(ours), list(theirs)))
    for mine, other in pairs:
        why = _difference(mine, other)
        if why:
            raise UsageError(f"{kind} {mine.name!r} is {_told(mine)} in A and {_told(other)} in B: {why}")
    return {mine.name: other.name for mine, other in pairs}, note


def _unlike(kind: str, a: list[str], b: list[str]) -> str:
    missing = ", ".join(repr(name) for name in a if name not in b) or "none"
    extra = ", ".join(repr(name) for name in b if name not in a) or "none"
    why = f"only A has {missing}, only B has {extra}"
    return f"A and B do not have the same {kind}s, so they are not two forms of one model: {why}"


def _difference(a: TensorInfo, b: TensorInfo) -> str:
    """Why the two cannot be compared; "" when they can."""
    if a.dtype != b.dtype and not {a.dtype, b.dtype} <= _FLOATS and a.dtype and b.dtype:
        hint = ""
        if {a.dtype, b.dtype} & _FLOATS:
            hint = "; keep QuantizeLinear and DequantizeLinear in the model, so that both take and give floats"
        return f"the types differ{hint}"
    if a.shape is None or b.shape is None:
        return ""
    same = len(a.shape) == len(b.shape) and all(map(_alike, a.shape, b.shape))
    return "" if same else "the shapes differ"


def _alike(a: int | str | None, b: int | str | None) -> bool:
    return a == b or not isinstance(a, int) or not isinstance(b, int)


def _told(info: TensorInfo) -> str:
    if info.shape is None:
        return info.dtype or "of unknown type"
    return f"{info.dtype} [{', '.join('?' if dim is None else str(dim) for dim in info.shape)}]"
