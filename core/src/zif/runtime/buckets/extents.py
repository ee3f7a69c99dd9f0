"""How large an output is when its inputs are so large: what is cut out of a bucket's output.

Where an output's dimension has the name of an input's, that is it. Elsewhere the rule is read off what the judge gives
at several sizes: a whole multiple of (size + add) // divide, plus a constant, which is what strides, windows and
upsampling make of a size. What follows no such rule cannot be cut, and then nothing is padded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

from zif.runtime.buckets.grid import Point

#: The largest stride that is looked for.
STRIDES = 64


@frozen
class Rule:
    """`times * ((size + add) // divide) + plus`, where size is that of an axis of the grid, by its number."""

    axis: int
    times: int = 1
    add: int = 0
    divide: int = 1
    plus: int = 0

    def of(self, size: int) -> int:
        """The output's dimension for an input of this size."""
        return self.times * ((size + self.add) // self.divide) + self.plus


@frozen
class Extent:
    """An output's dimensions, each a number or a rule."""

    name: str
    dims: tuple[int | Rule, ...]

    def of(self, point: Point) -> tuple[int, ...]:
        """The output's shape for inputs of these sizes."""
        return tuple(dim if isinstance(dim, int) else dim.of(point[dim.axis]) for dim in self.dims)


def rule(axis: int, pairs: Sequence[tuple[int, int]]) -> Rule | int | None:
    """What relates these sizes of an axis to these dimensions; a number where they are all alike, None if nothing does.

    Exact for every pair, and the only rule that is: sizes in a row over two strides show it.
    """
    dims = [dim for _, dim in pairs]
    if len(set(dims)) == 1:
        sizes = [size for size, _ in pairs]  # near each other, they may be of one stride
        return dims[0] if max(sizes) >= min(2 * min(sizes), min(sizes) + STRIDES) else None
    times = math.gcd(*(dim - dims[0] for dim in dims))
    plus = dims[0] % times
    steps = [(size, dim // times) for size, dim in pairs]
    rules = []
    for divide in range(1, STRIDES + 1):
        low = max(step * divide - size for size, step in steps)
        high = min(step * divide + divide - 1 - size for size, step in steps)
        rules += [Rule(axis, times, add, divide, plus) for add in range(low, high + 1)]
    most = max(size for size, _ in pairs)
    alike = all(other.of(size) == rules[0].of(size) for other in rules[1:] for size in range(1, most + 1))
    return rules[0] if rules and alike else None
