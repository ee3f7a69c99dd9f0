"""How much memory this process and those that it started hold, looked at again and again."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable, Sequence

import psutil

#: MiB that may be more at each look: an allocator takes memory in steps, now and then, and not at every look.
STEP = 4.0


def held() -> float:
    """MiB that this process and all that it started hold."""
    gc.collect()
    this = psutil.Process()
    total = 0
    for process in (this, *this.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / 2**20


def takes(work: Callable[[], object], times: int, looks: int) -> list[float]:
    """MiB that were added between each look and the next, `times` calls of `work` apart. The first is after so many."""
    seen = []
    for _ in range(looks + 1):
        for _ in range(times):
            work()
        seen.append(held())
    return [after - before for before, after in itertools.pairwise(seen)]


def steadily_more(grown: Sequence[float]) -> bool:
    """Whether it is more at every look but one, each time by a step."""
    return sum(growth < STEP for growth in grown) <= 1
