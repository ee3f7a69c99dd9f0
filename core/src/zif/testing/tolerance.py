"""Right or wrong: how close two values must be, by element type and by the precision that the backend computes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: (relative, absolute) tolerance of a float32 result by the precision it was computed in. fp16 has 11 bits of mantissa
#: (2**-11 = 4.9e-4 per rounding), bf16 eight; a few roundings in a row are allowed for.
TOLERANCE = {"fp32": (1e-3, 1e-5), "fp16": (1e-2, 1e-2), "bf16": (5e-2, 5e-2), "int8": (1e-1, 1e-1)}


#: What sums in another order may differ by, in steps of the largest value that came out: an element near zero of a
#: spectrum that reaches 1,900 is the rest of large numbers that cancelled. Of 16 bits fewer: there are few.
STEPS = {4: 8, 8: 8, 2: 1}


def within_noise(expected: Sequence[Any], actual: Sequence[Any]) -> bool:
    """Whether results of the expected types and shapes differ by no more than their own element types resolve.

    The scale is the largest finite value of each expected array, so that float32 is held to what float32 has, whatever
    the absolute tolerance says. What is no array of floating point must be equal.
    """
    return len(expected) == len(actual) and all(map(_alike, expected, actual))


def _alike(want: Any, have: Any) -> bool:
    if isinstance(want, (list, tuple)) and isinstance(have, (list, tuple)):
        return within_noise(want, have)
    if not (isinstance(want, np.ndarray) and isinstance(have, np.ndarray)):
        return bool(want is None and have is None)
    if want.dtype != have.dtype or want.shape != have.shape:
        return False
    if want.dtype.kind not in "fc":
        return bool(np.array_equal(want, have))
    finite = np.isfinite(want)
    if not np.array_equal(want[~finite], have[~finite], equal_nan=True):
        return False
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    left, right = want[finite].astype(wide), have[finite].astype(wide)
    step = float(np.finfo(want.dtype).eps) * float(np.abs(left).max(initial=0))
    size = want.dtype.itemsize // (2 if want.dtype.kind == "c" else 1)
    return bool(np.abs(left - right).max(initial=0) <= STEPS.get(size, 1) * step)


def difference(have: Any, want: Any, rtol: float, atol: float) -> str:
    """What is wrong with a value, as a sentence; "" when it is right. Sequences are compared part by part."""
    if isinstance(want, (list, tuple)) or isinstance(have, (list, tuple)):
        return _sequences(have, want, rtol, atol)
    if want is None or have is None:
        return "" if want is None and have is None else f"{have!r} instead of {want!r}"
    if isinstance(want, Mapping):
        return "" if have == want else f"{have!r} instead of {want!r}"
    return _arrays(np.asarray(have), np.asarray(want), rtol, atol)


def _sequences(have: Any, want: Any, rtol: float, atol: float) -> str:
    if not isinstance(have, (list, tuple)) or not isinstance(want, (list, tuple)) or len(have) != len(want):
        return f"{type(have).__name__} of other length than expected"
    differences = (difference(h, w, rtol, atol) for h, w in zip(have, want, strict=True))
    return next((part for part in differences if part), "")


def _arrays(have: np.ndarray[Any, Any], want: np.ndarray[Any, Any], rtol: float, atol: float) -> str:
    if have.dtype != want.dtype and not (have.dtype.kind in "OUST" and want.dtype.kind in "OUST"):
        return f"dtype {have.dtype} instead of {want.dtype}"
    if have.shape != want.shape:
        return f"shape {list(have.shape)} instead of {list(want.shape)}"
    if want.dtype.kind in "OUSTb":
        return "" if np.array_equal(have.astype(str), want.astype(str)) else "other values"
    if want.dtype.kind == "c":
        wide_have, wide_want = have, want
    else:
        wide_have, wide_want = have.astype(np.float64), want.astype(np.float64)
    close = np.isclose(wide_have, wide_want, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return ""
    worst = np.nanmax(np.abs(wide_have - wide_want), initial=0.0)
    return f"{int((~close).sum())} of {close.size} elements differ, by {worst:.3g} at most"


def tolerance(dtype: np.dtype[Any], precision: str) -> tuple[float, float]:
    """Tolerance for a result of this element type; whole numbers must be equal unless the backend is quantized."""
    if dtype.kind in "iub":
        return (0.0, 1.0) if precision == "int8" else (0.0, 0.0)
    return TOLERANCE.get(precision, TOLERANCE["fp32"])


def rounded(inputs: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """The inputs with every float32 array rounded to what a backend of this precision holds: fp16, or bf16."""
    import ml_dtypes

    narrow = np.dtype(ml_dtypes.bfloat16) if precision == "bf16" else np.dtype(np.float16)
    return {
        name: value.astype(narrow).astype(value.dtype) if getattr(value, "dtype", None) == np.float32 else value
        for name, value in inputs.items()
    }
