"""The launch cost of segments as charges that a cut can hold, and with them a lower bound.

A backend needs at least as many segments as it has separate runs on any one path through the graph. So launch * runs,
on whatever path, never exceeds the true launch cost, and neither does a mixture of paths: one unit of flow through the
graph that is charged `launch` wherever it enters the backend. With such charges in place of the launch cost, the
optimum is a lower bound on the true one. The best mixture lies on the paths with the most runs; it is approached step
by step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.planning.placement.flow import SINK, SOURCE, Network
from zif.planning.placement.grouping import phases
from zif.planning.placement.problem import Bools, Floats, Ints, Problem


@frozen(eq=False)
class Charges:
    """What entering each backend costs on each link, and at the units where paths begin.

    `link` is float64[K, number of `problem.graph.links`], `start` is float64[K, n].
    """

    link: Floats
    start: Floats

    def cost(self, problem: Problem, labels: Ints) -> float:
        """What `labels` (int32[n]) are charged: never more than their launch cost."""
        maker, reader = problem.graph.links
        entered = np.flatnonzero(labels[maker] != labels[reader])
        begun = self.start[labels, np.arange(problem.n)]
        return float(self.link[labels[reader[entered]], entered].sum() + begun.sum())

    def mixed(self, other: Charges, share: float) -> Charges:
        """These, with `share` of them replaced by `other` for every backend that has any there."""
        shares = np.where(other.start.any(axis=1), share, 0.0)[:, None]
        keep = 1.0 - shares
        return Charges(keep * self.link + shares * other.link, keep * self.start + shares * other.start)

    def add(self, network: Network, problem: Problem, labels: Ints, target: int, node: NDArray[np.int64]) -> None:
        """Add the charges of a move to `target` (see `moves`) to its network."""
        maker, reader = problem.graph.links
        for label in np.flatnonzero(problem.launch).tolist():
            if label == target:
                network.arcs(node[maker], node[reader], self.link[label])
                network.arcs(np.full(problem.n, SOURCE), node, self.start[label])
            else:
                stays, begins = labels[reader] == label, labels == label
                left = np.where(labels[maker] == label, node[maker], SINK)
                network.arcs(node[reader[stays]], left[stays], self.link[label, stays])
                network.arcs(node[begins], np.full(begins.sum(), SINK), self.start[label, begins])


def even_charges(problem: Problem) -> Charges:
    """Every launch cost spread over the graph: evenly over where paths begin, and at each unit over its links."""
    even = _flow(problem, np.ones(problem.n), np.ones(len(problem.graph.links[0])))
    return _charges(problem, dict.fromkeys(range(problem.k), even))


def critical_charges(problem: Problem, labels: Ints) -> Charges:
    """Every backend's launch cost on the paths with the most runs of it under `labels` (int32[n]).

    Nothing for a backend that `labels` do not use: to it all paths are alike.
    """
    used = [label for label in np.flatnonzero(problem.launch).tolist() if (labels == label).any()]
    return _charges(problem, {label: _critical(problem, labels == label) for label in used})


def _charges(problem: Problem, flows: dict[int, tuple[Floats, Floats]]) -> Charges:
    charges = Charges(np.zeros((problem.k, len(problem.graph.links[0]))), np.zeros((problem.k, problem.n)))
    for label, (link, start) in flows.items():
        charges.link[label] = problem.launch[label] * link
        charges.start[label] = problem.launch[label] * start
    return charges


def _critical(problem: Problem, own: Bools) -> tuple[Floats, Floats]:
    """One unit of flow, shared evenly over the paths with the most runs of the units that `own` marks."""
    side = own.astype(np.int32).tolist()
    runs = (np.array(phases(problem.graph.inputs, side, 0)) + 1) // 2
    still = (np.array(phases(problem.graph.readers, side, 0, backwards=True)) + 1) // 2 - own
    on_path = runs + still == runs.max()
    maker, reader = problem.graph.links
    tight = on_path[reader] & (runs[reader] == runs[maker] + (own[reader] & ~own[maker]))
    return _flow(problem, on_path.astype(np.float64), tight.astype(np.float64))


def _flow(problem: Problem, begin: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """One unit of flow through the graph, as (float64 per link, float64 per unit where it begins).

    It is shared out over the units without inputs by `begin`, and at each unit over its links by `weight`.
    """
    maker, reader = problem.graph.links
    start = begin.copy()
    start[reader] = 0.0
    start /= start.sum()
    out = np.bincount(maker, weight, problem.n)
    used = np.flatnonzero(weight)
    share = weight[used] / out[maker[used]]
    flow, carried = start.tolist(), []
    # Links are ordered by maker, and makers come before readers: what arrives is complete when it is passed on.
    for source, to, part in zip(maker[used].tolist(), reader[used].tolist(), share.tolist(), strict=True):
        amount = flow[source] * part
        flow[to] += amount
        carried.append(amount)
    link: NDArray[Any] = np.zeros(len(maker))
    link[used] = carried
    return link, start
