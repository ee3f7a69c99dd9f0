"""Which unit made a segment fail to build: named by the backend, or found by halving."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zif.errors import Unsupported, ZifError


def culprits(units: Sequence[str], error: ZifError, fails: Callable[[Sequence[str]], bool]) -> tuple[str, ...]:
    """The units to move away. `fails` builds a prefix of the units (in topological order, so it is convex) and tells.

    A backend that names obstacles is believed. Otherwise the shortest prefix that fails ends in the culprit; when no
    prefix but the whole fails for good, the last unit is as good as any.
    """
    named = {o.unit for o in error.obstacles} & set(units) if isinstance(error, Unsupported) else set()
    if named:
        return tuple(unit for unit in units if unit in named)
    low, high = 1, len(units)
    while low < high:
        middle = (low + high) // 2
        if fails(units[:middle]):
            high = middle
        else:
            low = middle + 1
    return (units[low - 1],)
