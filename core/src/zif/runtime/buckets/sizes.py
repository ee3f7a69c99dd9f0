"""Which sizes a dimension is built for: as they are listed, spread over a range, or fitted to what was seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from zif.errors import UsageError

#: More buckets than this are no plan any more: each is compiled, verified and held in memory.
MOST = 64
_LIST, _RANGE = re.compile(r"\{([^{}]*)\}"), re.compile(r"(\d+)\.\.(\d+):(\d+)")


def several(shapes: Mapping[str, Any] | None, buckets: Any = None) -> bool:
    """Whether more than one size is asked for somewhere, so that there is a plan for each."""
    dims = (dim for wish in (shapes or {}).values() if isinstance(wish, Collection) for dim in wish)
    return buckets is not None or any(isinstance(dim, (Collection, range)) for dim in dims)


def split(text: str) -> list[str]:
    """The dimensions of `1,3,{160,320}`: a comma within braces does not end one."""
    return re.split(r",(?![^{]*\})", text)


def dimension(text: str) -> int | tuple[int, ...]:
    """One dimension of --shape: a number, `{160,320}`, or `1..512:4` for four sizes spread over a range.

    Raises ValueError with what is wrong.
    """
    text = text.strip()
    if text.isdecimal():
        return int(text)
    if listing := _LIST.fullmatch(text):
        return tuple(sorted({_count(part) for part in listing[1].split(",")}))
    if bounds := _RANGE.fullmatch(text):
        return spread(*map(int, bounds.groups()))
    raise ValueError(f"{text!r} is not a dimension; dimensions are whole numbers, {{160,320}} or 1..512:4")


def _count(text: str) -> int:
    if not text.strip().isdecimal() or not int(text):
        raise ValueError(f"{text.strip()!r} is no size of a dimension")
    return int(text)


def spread(low: int, high: int, count: int) -> tuple[int, ...]:
    """`count` sizes in equal steps, the last one `high`: of lengths that are all as likely, this pads the fewest.

    Raises ValueError.
    """
    if not 1 <= low <= high or count < 1:
        raise ValueError(f"{low}..{high}:{count} must be LEAST..MOST:COUNT, with 1 or more of each")
    steps = min(count, high - low + 1)
    return tuple(low - 1 + -(-(high - low + 1) * step // steps) for step in range(1, steps + 1))


def fitted(seen: Sequence[int], count: int) -> tuple[int, ...]:
    """The `count` sizes that pad the sizes that were seen the least, all together; each of them is one of these.

    Exact, by dynamic programming over the sizes in order: O(count · n²) for n different ones.
    """
    if not seen:
        raise UsageError("there are no sizes to fit buckets to")
    often = Counter(seen)
    sizes = sorted(often)
    count = min(count, len(sizes))
    runs = [0, *accumulate(often[size] for size in sizes)]
    held = [0, *accumulate(size * often[size] for size in sizes)]

    def padding(first: int, last: int) -> int:
        """What the sizes first..last cost in one bucket of the last one's size."""
        return sizes[last] * (runs[last + 1] - runs[first]) - (held[last + 1] - held[first])

    best = [padding(0, last) for last in range(len(sizes))]
    starts: list[list[int]] = []
    for _ in range(count - 1):
        rows = [min(_splits(best, padding, last)) for last in range(len(sizes))]
        best = [cost for cost, _ in rows]
        starts.append([first for _, first in rows])
    chosen, last = [sizes[-1]], len(sizes) - 1
    for begun in reversed(starts):
        last = begun[last] - 1
        if last < 0:
            break
        chosen.append(sizes[last])
    return tuple(sorted(chosen))


def _splits(best: Sequence[int], padding: Callable[[int, int], int], last: int) -> Iterator[tuple[int, int]]:
    """What the sizes up to `last` cost, by the one with which their last bucket begins."""
    yield padding(0, last), 0
    yield from ((best[first - 1] + padding(first, last), first) for first in range(1, last + 1))
