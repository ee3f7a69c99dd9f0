"""The policy `memory`: of several placements the one that holds least in memory, the quickest among near equals.

How much a placement holds at once is no sum over units, so it can't be cut for. What is cut for is a sum that comes
near: weights, and each activation at the share of all activations that is alive at once, as the model has it on one
backend. What comes out is held against the fastest placement, greedy and every backend alone, by what each truly holds:
a plan under this policy never holds more than any of these, but for `NEARLY`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from zif.planning.memory.footprint import Sizes, footprints, total

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.placement import Problem, Solution
    from zif.planning.pricing import Prices

#: Placements that hold no more than this share above the least count as equal; then the quickest is taken.
NEARLY = 0.01

#: A microsecond in the sum that is cut for, in KiB: time decides between equals.
_TIME = 1e-3

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]


def kept(model: Model, prices: Prices) -> Floats:
    """float64[n, K] KiB: what each unit adds on each backend, time as far as it decides between equals."""
    made = [name for unit in model.units for name in unit.outputs]
    rows = np.repeat(np.arange(len(model.units)), [len(unit.outputs) for unit in model.units])
    sizes, values = Sizes.of(model, prices, made), prices.us * _TIME
    np.add.at(values, sizes.weight_unit, sizes.weights / 1024)
    np.add.at(values, rows, sizes.tensors[:, :-1] * alive(model) / 1024)
    return values


def copies(model: Model, prices: Prices) -> Floats:
    """float64[K + 1, K + 1] KiB per byte: a tensor that is moved is held on the host, and by a receiver with memory."""
    apart = np.append(~prices.at_home, False).astype(np.float64)
    values = (apart[:, None] + apart[None, :]) * alive(model) / 1024
    np.fill_diagonal(values, 0.0)
    return values


def alive(model: Model) -> float:
    """The most that is alive at once as a share of everything that is made, units running in the model's order."""
    last = {name: row for row, unit in enumerate(model.units) for name in unit.inputs}
    last |= dict.fromkeys((info.name for info in model.outputs), len(model.units))
    now = most = everything = 0
    held: dict[int, int] = {}
    for row, unit in enumerate(model.units):
        for name in unit.outputs:
            info = model.tensors.get(name)
            size = info.nbytes or 0 if info is not None else 0
            now, everything = now + size, everything + size
            end = last.get(name, row)
            held[end] = held.get(end, 0) + size
        most = max(most, now)
        now -= held.pop(row, 0)
    return most / everything if everything else 1.0


def least_memory(model: Model, prices: Prices, tensors: tuple[str, ...], task: Problem, quick: Problem) -> Solution:
    """The placement that holds least. `task` counts memory, `quick` is the same problem in microseconds."""
    from zif.planning.placement import evaluate, greedy, single, solve

    placement, sizes = solve(task), Sizes.of(model, prices, tensors)
    alone = [single(task, k) for k in range(task.k)]
    tried = [
        placement.labels,
        solve(quick).labels,
        greedy(quick),
        *(solution for solution in alone if solution is not None),
    ]
    ways = [_told(placement, task, labels) for labels in {solution.tobytes(): solution for solution in tried}.values()]
    held = [total(footprints(task, sizes, prices, way.labels, way.segments, model)) for way in ways]
    near = [way for way, size in zip(ways, held, strict=True) if size <= min(held) * (1 + NEARLY)]
    return min(near, key=lambda way: evaluate(quick, way.labels).total)


def _told(solution: Solution, task: Problem, labels: Labels) -> Solution:
    """Labels that were not solved for, as a solution."""
    from zif.planning.placement import evaluate, segments

    whole, member = task.whole
    grouped = np.zeros(whole.n, dtype=np.int32)
    grouped[member] = labels
    homes = segments(whole, grouped)
    return evolve(solution, labels=labels, segments=homes[member], cost=evaluate(whole, grouped, homes))
