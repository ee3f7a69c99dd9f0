"""Whether a segment's outputs are as the plan has them, for the many runs in which they are: on every run's way.

What is read of an array here costs tens of nanoseconds each. Whatever does not fit, or is in doubt, goes to the slow
check, which says what is wrong or copies what is right but not fit to hand on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from zif.records import TensorInfo
from zif.runtime.session.fit import Places, Values, dtype_of, exact, pattern

#: What was made, and what it was made of, to what is handed on.
Check = Callable[[Any, Values], Values]


def quick(slots: Sequence[tuple[TensorInfo, bool]], places: Places, slowly: Check) -> Check:
    """The check of these outputs, in this order, each with whether it leaves the session and must be the caller's own.

    An array that somebody else still holds is not: a backend may write to it in the next run, and the caller would see
    it. Who holds it is told by the count of references, of the array and of the one whose memory it looks into.
    """
    fast = [(info.name, dtype_of(info), exact(info), pattern(info.shape, places), own) for info, own in slots]
    return _single(*fast[0], slowly) if len(fast) == 1 else _several(fast, slowly)


def _single(name: str, dtype: Any, shape: Any, fitting: Any, own: bool, slowly: Check) -> Check:
    mapping, array, memory = _HELD if own else (2**60,) * 3

    def check(made: Any, values: Values) -> Values:
        if type(made) is dict and len(made) == 1 and getrefcount(made) <= mapping and name in made:
            value = made[name]
            if type(value) is ndarray and (value.dtype is dtype or value.dtype == dtype) and value.flags.carray:
                have = value.shape
                if (have == shape or (shape is None and fitting(have, values))) and getrefcount(value) <= array:
                    base = value.base
                    if base is None or getrefcount(base) <= memory:
                        return made
        return slowly(made, values)

    return check


def _several(fast: Sequence[tuple[str, Any, Any, Any, bool]], slowly: Check) -> Check:
    count = len(fast)

    def check(made: Any, values: Values) -> Values:
        if type(made) is not dict or len(made) != count or getrefcount(made) > _HELD[0]:
            return slowly(made, values)
        for name, dtype, shape, fitting, own in fast:
            if name not in made:
                return slowly(made, values)
            value = made[name]
            if not (type(value) is ndarray and (value.dtype is dtype or value.dtype == dtype) and value.flags.carray):
                return slowly(made, values)
            if value.shape != shape and (shape is not None or not fitting(value.shape, values)):
                return slowly(made, values)
            if own and (
                getrefcount(value) > _HELD[1] or (value.base is not None and getrefcount(value.base) > _HELD[2])
            ):
                return slowly(made, values)
        return made

    return check


def _references(made: Any) -> tuple[int, int, int]:
    """How often a mapping, its array and that one's memory are referred to when nobody else has them.

    Counted among as many names as hold them in a check, so that the counts compare whatever the interpreter counts.
    """
    mapping = getrefcount(made)
    value = made[""]
    array = getrefcount(value)
    base = value.base
    return mapping, array, getrefcount(base)


def _fresh() -> tuple[int, int, int]:
    made = {"": np.empty(2)[:]}
    return _references(made)


_HELD = _fresh()
