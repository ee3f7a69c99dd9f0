"""Whether an answer that was computed in fp16 is right."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import onnx
from attrs import frozen

if TYPE_CHECKING:
    from zif.records import Array

#: Relative, and absolute in parts of the largest value: fp16 keeps 11 bits, a sum of many terms loses some of them, and
#: the NPU's transcendental functions are approximations.
RTOL, ATOL = 1e-2, 1e-2
#: Below this fp16 itself has no more than a few bits.
TINY = 1e-3
#: How far quantized values may be off, in parts of their range.
STEPS = 0.012


@frozen
class Judgement:
    """outcome: "right", "imprecise" (right for the inputs as fp16 holds them) or "wrong"; detail says by how much."""

    outcome: str
    detail: str = ""


def judge(
    model: bytes, inputs: Mapping[str, Array], wanted: Mapping[str, Array], arrays: Mapping[str, Array]
) -> Judgement:
    """Compare with the known answer and, where that fails, with the answer for inputs that were rounded to fp16."""
    detail = difference(wanted, arrays)
    if not detail:
        return Judgement("right")
    if _agree(wanted, arrays):
        return Judgement("imprecise", detail)
    rounded = by_reference(model, {name: as_half(value) for name, value in inputs.items()})
    if rounded is not None and _agree(rounded, arrays):
        return Judgement("imprecise", detail)
    return Judgement("wrong", detail)


def _agree(wanted: Mapping[str, Array], inputs: Mapping[str, Array]) -> bool:
    """Whether they are the same within what fp16 can hold: there infinity is the largest number."""
    return not difference(*({name: as_half(value) for name, value in values.items()} for values in (wanted, inputs)))


def difference(wanted: Mapping[str, Array], inputs: Mapping[str, Array]) -> str:
    """ "" when every output agrees; otherwise the first that does not, and by how much."""
    for name, value in wanted.items():
        text = _difference(name, value, np.asarray(inputs[name]))
        if text:
            return f"{name}: {text}"
    return ""


def _difference(name: str, wanted: Array, array: Array) -> str:
    if wanted.dtype != array.dtype or wanted.shape != array.shape:
        return f"{array.dtype}{list(array.shape)} instead of {wanted.dtype}{list(wanted.shape)}"
    if name.endswith("_q"):
        return _steps(wanted, array)
    if wanted.dtype.kind in "OUS" or not wanted.size:
        return "" if np.array_equal(wanted, array) else "other text"
    exact = wanted.dtype.kind in "biu" or wanted.dtype.name.startswith(("int", "uint"))
    return _integers(wanted, array) if exact else _floats(wanted.astype(np.float64), array.astype(np.float64))


def _integers(wanted: Array, array: Array) -> str:
    off = int(np.count_nonzero(wanted != array))
    return f"{off} of {wanted.size} elements differ" if off else ""


def _steps(wanted: Array, array: Array) -> str:
    """Quantized values (see `variants.Quantized`), which may be off by some steps of their scale."""
    off = int(np.max(np.abs(wanted.astype(np.int64) - array.astype(np.int64)), initial=0))
    return f"off by {off} of {np.iinfo(wanted.dtype).max} steps" if off > STEPS * np.iinfo(wanted.dtype).max else ""


def _floats(wanted: Array, array: Array) -> str:
    finite = np.isfinite(wanted)
    if not np.array_equal(wanted[~finite], array[~finite], equal_nan=True):
        return "other infinities or NaNs"
    wanted, array = wanted[finite], array[finite]
    if not wanted.size:
        return ""
    largest = float(np.max(np.abs(wanted)))
    with np.errstate(invalid="ignore"):
        off = np.abs(array - wanted)
        fits = off <= RTOL * np.abs(wanted) + ATOL * largest + TINY
    if fits.all():
        return ""
    worst = float(np.max(np.where(np.isnan(off), np.inf, off)))
    return f"off by {worst:.3g} where values reach {largest:.3g}"


def as_half(value: Any) -> Any:
    """A float array as the NPU's fp16 holds it, in its own type: rounded, and nothing beyond the largest number."""
    if not isinstance(value, np.ndarray) or (value.dtype.kind != "f" and value.dtype != ml_dtypes.bfloat16):
        return value
    largest = np.finfo(np.float16).max
    clipped = np.clip(value.astype(np.float64), -largest, largest)
    return clipped.astype(np.float16).astype(value.dtype)


def by_reference(model: bytes, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """What onnx's reference evaluator makes of these inputs; None where it has a gap."""
    from onnx.reference import ReferenceEvaluator

    proto = onnx.load_model_from_string(model)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            values = ReferenceEvaluator(proto).run(None, dict(inputs))
    except Exception:  # the reference has gaps
        return None
    return dict(zip((output.name for output in proto.graph.output), values, strict=True))
