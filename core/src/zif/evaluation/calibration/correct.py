"""What a few measurements say of a chip's prices: the likeliest factors by precision and group of counts.

How chips differ from what is known of their relatives stands in the file of prices, as a covariance: three measurements
move mostly what all chips differ in, and what was not measured moves along. Without it a plain one is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zif.planning.costs.coefficients import GROUPS, WORDS

if TYPE_CHECKING:
    from zif.planning.costs.corrections import Measurement

Floats = NDArray[np.float64]

_MISSES = 0.15  # of a model by prices that are right for the chip, as a logarithm
_CHIP, _WORD, _GROUP = 0.5, 0.15, 0.2  # the plain covariance: standard deviations of the whole, of a precision, a group


def factors(rows: Sequence[Measurement], covariance: Floats | None = None) -> dict[str, dict[str, float]]:
    """By precision and group what prices are to be multiplied by; of precisions that were not measured, too."""
    from scipy.optimize import least_squares

    root = np.linalg.cholesky(plain() if covariance is None else covariance)
    priced = np.array([[row.priced.get(group, 0.0) for group in GROUPS] for row in rows])
    fixed, us = np.array([row.fixed_us for row in rows]), np.log([row.us for row in rows])
    word = np.array([WORDS.index(row.precision) for row in rows])

    def logs(at: Floats) -> Floats:
        values: Floats = (root @ at).reshape(len(WORDS), len(GROUPS))
        return values

    def missing(at: Floats) -> Floats:
        told = np.log((priced * np.exp(logs(at)[word])).sum(axis=1) + fixed)
        return np.concatenate([_bent((told - us) / _MISSES), at])

    by_precision = logs(least_squares(missing, np.zeros(len(root))).x)
    return {
        name: {group: round(math.exp(by_precision[w, g]), 4) for g, group in enumerate(GROUPS)}
        for w, name in enumerate(WORDS)
    }


def plain() -> Floats:
    """float64[words * groups] square: the covariance where nothing is known of how chips differ."""
    word, group = np.repeat(np.eye(len(WORDS)), len(GROUPS), 0), np.tile(np.eye(len(GROUPS)), (len(WORDS), 1))
    size = len(WORDS) * len(GROUPS)
    values: Floats = _CHIP**2 + _WORD**2 * word @ word.T + _GROUP**2 * group @ group.T + 1e-3 * np.eye(size)
    return values


def _bent(misses: Floats) -> Floats:
    """Far misses count in proportion, not squared: one odd model must not turn the others."""
    size = np.abs(misses)
    return np.sign(misses) * np.where(size <= 1, size, np.sqrt(np.maximum(2 * size - 1, 0.0)))


def applied(rows: Sequence[Measurement], corrections: Mapping[str, Mapping[str, float]]) -> list[float]:
    """Microseconds of each row by corrected prices."""
    return [
        sum(us * corrections[row.precision].get(group, 1.0) for group, us in row.priced.items()) + row.fixed_us
        for row in rows
    ]
