"""What a placement costs: units, transfers once per receiving location, and one launch per segment."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from zif.planning.placement.grouping import launches, segments
from zif.planning.placement.problem import Bools, Floats, Ints, Problem


@frozen
class Cost:
    """The cost of a placement and its parts, in the unit of the problem's costs.

    `segments` counts segments, `crossings` transfers that are paid, `transfer_bytes` their bytes.
    """

    total: float
    units: float
    transfer: float
    launch: float
    segments: int
    transfer_bytes: float
    crossings: int


@frozen(eq=False)
class Transfers:
    """Every transfer that is paid, ordered by tensor. `source` and `target` are labels, K for the host.

    When several labels of one location receive the tensor, `target` is the lowest of them (the host only when alone).
    """

    tensor: Ints
    source: Ints
    target: Ints
    nbytes: Floats
    cost: Floats


def evaluate(problem: Problem, labels: Ints, segment: Ints | None = None) -> Cost:
    """Price `labels` (int32[n]); `segment`, when it is known already, is what `segments(problem, labels)` gave.

    `total` is inf when a unit stands where it is not allowed.
    """
    segment = segments(problem, labels) if segment is None else segment
    moved = transfers(problem, labels)
    units = float(problem.costs[np.arange(problem.n), labels].sum())
    launch = float(launches(problem, labels, segment).sum())
    transfer = float(moved.cost.sum())
    return Cost(
        total=units + transfer + launch,
        units=units,
        transfer=transfer,
        launch=launch,
        segments=int(segment.max(initial=-1)) + 1,
        transfer_bytes=float(moved.nbytes.sum()),
        crossings=len(moved.tensor),
    )


def transfers(problem: Problem, labels: Ints) -> Transfers:
    """The transfers that `labels` (int32[n]) make necessary, each tensor once per receiving location."""
    source = sources(problem, labels)
    place, target = problem.location[source], receivers(problem, labels)
    paid = target >= 0
    paid[np.arange(problem.tensors), place] = False
    tensor, to = np.nonzero(paid)
    nbytes, origin = problem.nbytes[tensor], place[tensor]
    cost = problem.place_fixed[origin, to] + nbytes * problem.place_per_byte[origin, to]
    return Transfers(tensor.astype(np.int32), source[tensor], target[tensor, to], nbytes, cost)


def sources(problem: Problem, labels: Ints) -> Ints:
    """int32[t]: the label that each tensor comes from, K for the host."""
    return np.append(labels, problem.k).astype(np.int32)[problem.producer]


def receivers(problem: Problem, labels: Ints) -> Ints:
    """int32[t, L]: the lowest label at each location that receives the tensor (K: the host alone), -1 where none."""
    graph, k = problem.graph, problem.k
    values = np.full((problem.tensors, len(problem.place_fixed)), -1, dtype=np.int32)
    values[problem.is_output, problem.location[k]] = k
    reader = labels[graph.edge_reader]
    for label in range(k - 1, -1, -1):
        values[graph.edge_tensor[reader == label], problem.location[label]] = label
    return values


def received(problem: Problem, labels: Ints) -> Bools:
    """bool[t, L]: whether some reader, or the host for an output, is at the location."""
    return receivers(problem, labels) >= 0
