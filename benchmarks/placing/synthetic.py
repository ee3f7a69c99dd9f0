"""Graphs of any size: chain, diamonds in a row, and random reads out of a window of 50."""

from __future__ import annotations

import numpy as np
from zif.planning.placement import Problem

from placing.graphs import links

SHAPES = ("chain", "diamond", "random")

#: The accelerators: name, times as fast as the CPU, us per launch.
NAMES, SPEEDS, LAUNCH = ("npu", "gpu"), (8.0, 3.0), (100.0, 60.0)


def synthetic(n: int, shape: str, k: int) -> Problem:
    """`n` units on `k` backends, the last of them the CPU: an accelerator refuses a random 20 % of the units."""
    rng = np.random.default_rng(n)
    readers = _readers(n, shape, rng)
    sizes = rng.lognormal(12, 1, n)
    tensors = [(-1, [0], False, 6e5)]
    tensors += [(unit, readers[unit], not readers[unit], float(sizes[unit])) for unit in range(n)]
    cpu = rng.lognormal(3, 1.5, n)
    costs = np.stack([*(cpu / speed for speed in SPEEDS[: k - 1]), cpu], axis=1)
    costs[:, :-1][rng.random((n, k - 1)) < 0.2] = np.inf
    return Problem.build([*NAMES[: k - 1], "cpu"], costs, tensors, *links(k, 10.0), [*LAUNCH[: k - 1], 0.0])


def _readers(n: int, shape: str, rng: np.random.Generator) -> list[list[int]]:
    readers: list[list[int]] = [[] for _ in range(n)]
    for unit in range(1, n):
        if shape == "chain":
            makers = [unit - 1]
        elif shape == "diamond":  # 0 -> 1, 2 -> 3 -> 4, 5 -> 6 ...
            makers = {0: [unit - 2, unit - 1], 1: [unit - 1], 2: [unit - 2]}[unit % 3]
        else:
            makers = sorted(set(rng.integers(max(0, unit - 50), unit, size=1 + rng.integers(0, 3)).tolist()))
        for maker in makers:
            readers[maker].append(unit)
    return readers
