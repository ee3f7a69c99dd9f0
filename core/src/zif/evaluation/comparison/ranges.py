"""Whether an encoding fits the data that it is for: quantize, dequantize, and see what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

#: "zero_point", or the name of a format of encodings whose offsets are meant.
Convention = str
ZERO_POINT: Convention = "zero_point"

#: The smallest scale that is a normal float32. Smaller ones are flushed to zero by accelerators, without a word.
SMALLEST_SCALE = 2.0**-126
#: What is larger is infinite as a float32, in which QDQ models keep their scales.
LARGEST_SCALE = (2 - 2.0**-23) * 2.0**127


@frozen
class RangeCheck:
    """What an encoding does to some data. True where `mse` is under the threshold.

    mse: mean squared error, in squared units of the data. clipped: share of the values that lie outside of what the
    encoding can hold, from 0 to 1. low, high: the least and the largest value that it can hold.
    """

    mse: float
    within: bool
    clipped: float
    low: float
    high: float

    def __bool__(self) -> bool:
        return self.within


def validate_quantization_range(
    data: Any,
    scale: float,
    offset: int,
    bitwidth: int = 8,
    threshold: float = 1e-3,
    convention: Convention = "zero_point",
) -> RangeCheck:
    """Quantize `data` with an unsigned encoding and back, and compare the mean squared error with `threshold`.

    The sign of `offset` is the trap. With convention "zero_point", ONNX's and this function's default, it is the
    integer that stands for 0.0, from 0 to 2**bitwidth - 1: q = round(x / scale) + offset, x = (q - offset) * scale.
    With the name of a format of encodings, such as "overrides", "0.6.1" or what an installed vendor calls one, it is
    what such files hold: that integer negated, from -(2**bitwidth - 1) to 0, so that x = (q + offset) * scale; "2.0.0"
    holds zero points. Rounding is to the nearest, ties to even, as in ONNX's QuantizeLinear.

    data: real numbers of any shape. Raises UsageError for a scale that is zero, negative, or not a finite, normal
    float32, an offset out of its range, a bitwidth that is not a whole number from 2 to 32, a threshold that is
    negative, and data that is empty, not finite, complex or no numbers.
    """
    import numpy as np

    values = _values(data)
    scale, threshold = _number("scale", scale), _number("threshold", threshold)
    zero = _zero_point(_whole("offset", offset), _whole("bitwidth", bitwidth), convention)
    _check(values, scale, threshold)
    top = 2 ** int(bitwidth) - 1
    exact = np.round(values / scale) + zero
    back = (np.clip(exact, 0, top) - zero) * scale
    mse = float(np.mean((values - back) ** 2))
    clipped = float(np.mean((exact < 0) | (exact > top)))
    return RangeCheck(mse, mse < threshold, clipped, -zero * scale, (top - zero) * scale)


def _zero_point(offset: int, bitwidth: int, convention: Convention) -> int:
    from zif.model.encodings.formats import OVERRIDES, called

    if not 2 <= bitwidth <= 32:
        raise UsageError(f"bitwidth {bitwidth}: must be from 2 to 32")
    plain, negated = _is_zero_point(convention), called(OVERRIDES)
    top, zero = 2**bitwidth - 1, offset if plain else -offset
    if not 0 <= zero <= top:
        other = negated if plain else ZERO_POINT
        hint = f"; it would fit convention={other!r}, where its sign is the other" if 0 <= -zero <= top else ""
        span = f"0 to {top}" if plain else f"{-top} to 0"
        raise UsageError(f"offset {offset}: must be from {span} at {bitwidth} bits with {convention!r}{hint}")
    return zero


def _is_zero_point(convention: Convention) -> bool:
    """Whether offsets are zero points, as in ONNX and the files that follow it. Raises UsageError."""
    from zif.model.encodings.formats import OVERRIDES, called, format_of

    try:
        return convention == ZERO_POINT or format_of(convention) == "2.0.0"
    except UsageError:
        raise UsageError(f"convention {convention!r}: must be {ZERO_POINT} or {called(OVERRIDES)}") from None


def _values(data: Any) -> np.ndarray[Any, Any]:
    """The data as float64. Raises UsageError for what is no real numbers; imaginary parts are not dropped."""
    import numpy as np

    try:
        values = np.asarray(data)
        if values.dtype.kind == "c":
            raise UsageError("the data are complex: an encoding is for real numbers; check .real and .imag")
        return values.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the data to check the encoding with are no numbers: {error}") from error


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (ValueError, TypeError):
        raise UsageError(f"{name} {value!r}: must be a number") from None


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if not number.is_integer():
        raise UsageError(f"{name} {value}: must be a whole number")
    return int(number)


def _check(values: np.ndarray[Any, Any], scale: float, threshold: float) -> None:
    import numpy as np

    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise UsageError(f"scale {scale}: must be a positive, finite float32 that is not denormal")
    if not threshold >= 0:
        raise UsageError(f"threshold {threshold}: must be a mean squared error, 0 or more")
    if not values.size:
        raise UsageError("there is no data to check the encoding with")
    if not np.isfinite(values).all():
        raise UsageError(f"{int((~np.isfinite(values)).sum())} of {values.size} values of the data are not finite")
