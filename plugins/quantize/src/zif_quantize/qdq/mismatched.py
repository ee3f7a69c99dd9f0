"""Weights that an encoding does not hold: of another model, or of a file that means its offsets otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from zif import InvalidInput
from zif.plugin import Encoding

if TYPE_CHECKING:
    from zif import Model

#: What is left of a weight in 4 bits that is cut with care is more, in dB; half of its values cut off leave 3.
LEAST_DB = 6.0


def refuse_lost(model: Model, entries: Iterable[Encoding]) -> None:
    """Raise InvalidInput for a weight of which its encoding loses as much as it keeps, with the ranges of both.

    entries: as they were fitted to the model, with the axis of their channels.
    """
    for entry in entries:
        if entry.name in model.initializers and not entry.is_float and entry.bits < 32:
            weight = model.array(entry.name).astype(np.float64)
            left = _left(weight, entry)
            if left < LEAST_DB:
                low, high = _range(entry)
                raise InvalidInput(
                    f"the encoding of {entry.name!r} holds {low:.4g} to {high:.4g} in {entry.dtype}, and the weight "
                    f"has {weight.min():.4g} to {weight.max():.4g}, of which {left:.1f} dB would be left: is the file "
                    "another model's, or its offset counted otherwise?"
                )


def _left(weight: np.ndarray, encoding: Encoding) -> float:
    """Signal to noise of a weight in the integers of its encoding, in dB; infinite where nothing is to be lost."""
    lowest = -(2 ** (encoding.bits - 1)) if encoding.signed else 0
    scale, zero = (_along(values, weight.ndim, encoding.axis) for values in (encoding.scale, encoding.zero_point))
    kept = (np.clip(np.rint(weight / scale) + zero, lowest, lowest + 2**encoding.bits - 1) - zero) * scale
    signal, noise = float((weight**2).sum()), float(((weight - kept) ** 2).sum())
    return 10 * float(np.log10(signal / noise)) if signal and noise else float("inf")


def _along(values: tuple[float, ...], rank: int, axis: int | None) -> np.ndarray:
    shape = [-1 if place == axis else 1 for place in range(rank)] if axis is not None else []
    return np.array(values if axis is not None else values[0], np.float64).reshape(shape)


def _range(encoding: Encoding) -> tuple[float, float]:
    lowest = -(2 ** (encoding.bits - 1)) if encoding.signed else 0
    pairs = list(zip(encoding.scale, encoding.zero_point, strict=True))
    low = min((lowest - zero) * scale for scale, zero in pairs)
    return low, max((lowest + 2**encoding.bits - 1 - zero) * scale for scale, zero in pairs)
