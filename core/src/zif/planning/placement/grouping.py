"""Labels to segments: groups of units on one backend that run as one step, in an order that has every input ready."""

from __future__ import annotations

import numpy as np

from zif.planning.placement.graph import Neighbours, PlacementError
from zif.planning.placement.problem import Ints, Problem


def segments(problem: Problem, labels: Ints) -> Ints:
    """int32[n]: the segment of each unit, numbered in an order in which they can run one after the other.

    Each segment is convex (no path leaves it and comes back), so the segments form a DAG; groups stay whole. With one
    or two backends in use the launch cost, and among equals the number of segments, is the least possible: the units
    fall into phases, a unit's phase being the greatest number of changes of backend on a path to it. With more backends
    (where no quick way to the least is known) the cheaper of two list schedules. Linear time.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int32)
    if labels.shape != (problem.n,) or (problem.n and (labels.min() < 0 or labels.max() >= problem.k)):
        raise PlacementError(f"labels must be {problem.n} numbers from 0 to {problem.k - 1}")
    whole, member = problem.whole
    if whole is problem:
        return whole_segments(problem, labels)
    merged = np.zeros(whole.n, dtype=np.int32)
    merged[member] = labels
    if (merged[member] != labels).any():
        raise PlacementError("units of one group have different labels")
    return whole_segments(whole, merged)[member]


def whole_segments(problem: Problem, labels: Ints) -> Ints:
    """As `segments`, for a problem without groups."""
    used = np.unique(labels)
    if len(used) <= 1:
        return np.zeros(problem.n, dtype=np.int32)
    if len(used) == 2:
        side = (labels == used[1]).astype(np.int32).tolist()
        groupings = [np.array(phases(problem.graph.inputs, side, first), dtype=np.int32) for first in (0, 1)]
    else:
        groupings = _schedules(problem, labels.tolist())
    groupings = [_dense(segment) for segment in groupings]
    return min(groupings, key=lambda segment: (launches(problem, labels, segment).sum(), segment.max()))


def launches(problem: Problem, labels: Ints, segment: Ints) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """float64[number of segments]: what starting each of them costs."""
    of = np.zeros(int(segment.max(initial=-1)) + 1, dtype=np.int32)
    of[segment] = labels
    return problem.launch[of]


def _dense(segment: Ints) -> Ints:
    """Renumber without gaps, keeping the order."""
    present = np.zeros(int(segment.max()) + 1, dtype=np.int32)
    present[segment] = 1
    return (np.cumsum(present, dtype=np.int32) - 1)[segment].astype(np.int32)


def phases(neighbours: Neighbours, side: list[int], first: int, backwards: bool = False) -> list[int]:
    """The earliest phase of each unit when phases alternate between side 0 and side 1, beginning with `first`.

    A unit may run in the phase of its latest neighbour if that is of its own side, else in the one after. The
    neighbours are the inputs or, `backwards` from the end, the readers.
    """
    turn = -1 if backwards else 1
    order = range(len(side))[::turn]
    phase = [0] * len(side)
    for unit, own, before, others in zip(
        order, side[::turn], neighbours[0][::turn], neighbours[1][::turn], strict=True
    ):
        own ^= first
        if before < 0:
            phase[unit] = own
            continue
        latest = phase[before]
        if others is not None:
            for other in others:
                if phase[other] > latest:
                    latest = phase[other]
        phase[unit] = latest + ((latest ^ own) & 1)
    return phase


def _schedules(problem: Problem, label: list[int]) -> list[Ints]:
    """List schedules: forwards and, unless that already has as few segments as can be, backwards from the outputs."""
    before, after = problem.graph.before, problem.graph.after
    ahead = _changes(after, label, range(problem.n - 1, -1, -1))
    forwards = _exhaust(problem.k, before, after, label, ahead)
    if forwards.max() == max(ahead):
        return [forwards]
    backwards = _exhaust(problem.k, after, before, label, _changes(before, label, range(problem.n)))
    return [forwards, (backwards.max() - backwards).astype(np.int32)]


def _changes(onward: list[list[int]], label: list[int], order: range) -> list[int]:
    """For each unit, the greatest number of changes of backend on a path that starts there and follows `onward`."""
    changes = [0] * len(label)
    for unit in order:
        best, own = 0, label[unit]
        for other in onward[unit]:
            count = changes[other] + (label[other] != own)
            if count > best:
                best = count
        changes[unit] = best
    return changes


def _exhaust(k: int, waiting_for: list[list[int]], onward: list[list[int]], label: list[int], left: list[int]) -> Ints:
    """List scheduling: run all that is ready on one backend, and what gets ready by it, then turn to the backend
    with the most changes still ahead (then the most ready units, then the lowest label)."""
    waits = list(map(len, waiting_for))
    ready: list[list[int]] = [[] for _ in range(k)]
    ahead = [-1] * k
    for unit, count in enumerate(waits):
        if not count:
            ready[label[unit]].append(unit)
            ahead[label[unit]] = max(ahead[label[unit]], left[unit])
    segment, number = [0] * len(label), 0
    while (most := max(ahead)) >= 0:
        turn = max((b for b in range(k) if ahead[b] == most), key=lambda b: len(ready[b]))
        run, ready[turn], ahead[turn] = ready[turn], [], -1
        for unit in run:  # grows while it is walked
            segment[unit] = number
            for other in onward[unit]:
                waits[other] -= 1
                if not waits[other]:
                    own = label[other]
                    if own == turn:
                        run.append(other)
                    else:
                        ready[own].append(other)
                        if left[other] > ahead[own]:
                            ahead[own] = left[other]
        number += 1
    return np.array(segment, dtype=np.int32)
