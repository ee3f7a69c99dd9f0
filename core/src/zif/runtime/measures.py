"""How far two tensors are apart, summed up over samples without keeping any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


@frozen
class Figures:
    """What B gives beside A, over every sample.

    sqnr_db: 10 log10 of the energy of A over that of the difference A - B; infinite when they are equal, -infinite when
    elements are `not_finite`, None for what is no float tensor. cosine: of the angle between the two as vectors, None
    when either is zero throughout. max_abs: the largest absolute difference. agreement: for outputs that look like
    scores of classes, the share of rows with the same best class (top-1); for integers, booleans and text, the share of
    equal elements; None otherwise.
    not_finite: elements where one of the two is NaN or infinite and the other is not the same; they count in neither
    cosine nor max_abs. values: how many elements were compared.
    """

    sqnr_db: float | None
    cosine: float | None
    max_abs: float | None
    agreement: float | None
    not_finite: int
    values: int


@define
class Tally:
    """Sums over samples. `add` takes a pair of arrays of one shape; `figures` may be asked at any time."""

    scores: bool = False
    _signal: float = 0.0
    _noise: float = 0.0
    _other: float = 0.0
    _product: float = 0.0
    _max: float = 0.0
    _values: int = 0
    _odd: int = 0
    _same: int = 0
    _rows: int = 0
    _floats: bool = field(default=False)

    def add(self, a: Any, b: Any) -> None:
        """Count one pair. Raises ValueError when their shapes differ."""
        import numpy as np

        left, right = np.asarray(a), np.asarray(b)
        if left.shape != right.shape:
            raise ValueError(f"{list(left.shape)} and {list(right.shape)}")
        self._values += left.size
        if is_float(left):
            self._floats = True
            self._add_floats(left.astype(np.float64).ravel(), right.astype(np.float64).ravel())
            if self.scores and is_scores(left):
                self._agree(left.argmax(-1), right.argmax(-1))
        else:
            self._agree(left, right)

    def _add_floats(self, a: Array, b: Array) -> None:
        import numpy as np

        fine = np.isfinite(a) & np.isfinite(b)
        if not fine.all():
            self._odd += int((~fine & ~((a == b) | (np.isnan(a) & np.isnan(b)))).sum())
            a, b = a[fine], b[fine]
        difference = a - b
        self._signal += float(a @ a)
        self._other += float(b @ b)
        self._product += float(a @ b)
        self._noise += float(difference @ difference)
        self._max = max(self._max, float(np.abs(difference).max(initial=0.0)))

    def _agree(self, a: Array, b: Array) -> None:
        self._same += int((a == b).sum())
        self._rows += a.size

    @property
    def energies(self) -> tuple[float, float]:
        """Sums of squares: of the signal, which is A, and of the noise, A - B; infinite noise for values not finite."""
        return self._signal, math.inf if self._odd else self._noise

    @property
    def sqnr_db(self) -> float:
        """10 · log10(signal / noise) in dB: infinite without noise, -infinite where values are not finite."""
        return -math.inf if self._odd else sqnr(self._signal, self._noise)

    def figures(self) -> Figures:
        """The figures of what was counted so far."""
        agreement = self._same / self._rows if self._rows else None
        if not self._floats:
            return Figures(None, None, None, agreement, self._odd, self._values)
        norms = math.sqrt(self._signal) * math.sqrt(self._other)
        cosine = max(-1.0, min(1.0, self._product / norms)) if norms else None
        return Figures(self.sqnr_db, cosine, self._max, agreement, self._odd, self._values)


def sqnr(signal: float, noise: float) -> float:
    """Signal-to-quantization-noise ratio in dB from two energies: infinite without noise, -infinite without signal."""
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def is_float(array: Array) -> bool:
    """Whether it holds real numbers that rounding can move: the floats of numpy and of ml_dtypes."""
    return array.dtype.kind == "f" or (array.dtype.kind == "V" and "float" in array.dtype.name)


def is_scores(array: Array) -> bool:
    """Whether its last axis looks like classes: rows of scores, or rows of any rank that are probabilities."""
    import numpy as np

    if array.ndim < 2 or array.shape[-1] < 2 or not array.size:
        return False
    if array.ndim == 2:
        return True
    rows = array.astype(np.float64)
    return bool((rows >= 0).all() and np.allclose(rows.sum(-1), 1, atol=1e-2))
