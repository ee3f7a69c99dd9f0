"""Minimum cuts: a small network builder over scipy's maximum flow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zif.placement.problem import Bools, Floats

#: Largest capacity handed to scipy, which computes in int32 and adds a flow to a capacity: half of what fits.
_FULL = 2**29

#: Node numbers that stand for the source and the sink while a network is put together.
SOURCE, SINK = -1, -2


class Network:
    """A binary minimisation as a cut: `n` variables, 0 on the source's side and 1 on the sink's, and helper nodes.

    Capacities are float64 until the cut is taken. Arcs that can't matter (into the source, out of the sink, from a node
    to itself, of no capacity) are dropped, so a variable that is fixed is simply given as SOURCE (0) or SINK (1).
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.nodes = n
        #: float64[n]: what each variable costs by itself when it is 0 and when it is 1.
        self.zero = np.zeros(n)
        self.one = np.zeros(n)
        self._arcs: list[tuple[NDArray[Any], NDArray[Any], Floats]] = []

    def helpers(self, count: int) -> NDArray[np.int64]:
        """int64[count]: new nodes."""
        self.nodes += count
        return np.arange(self.nodes - count, self.nodes, dtype=np.int64)

    def arcs(self, tail: NDArray[Any], head: NDArray[Any], capacity: Floats) -> None:
        """Pay `capacity` when `tail` is 0 and `head` is 1."""
        keep = (tail != head) & (head != SOURCE) & (tail != SINK) & (capacity > 0)
        keep &= (tail >= 0) | (head >= 0)
        tail, head, capacity = tail[keep], head[keep], capacity[keep]
        alone_one, alone_zero = (tail == SOURCE) & (head < self.n), (head == SINK) & (tail < self.n)
        self.one += np.bincount(head[alone_one], capacity[alone_one], self.n)
        self.zero += np.bincount(tail[alone_zero], capacity[alone_zero], self.n)
        pair = ~(alone_one | alone_zero)
        self._arcs.append((tail[pair], head[pair], capacity[pair]))

    def cut(self) -> Bools:
        """bool[n]: the cheapest assignment. Exact up to rounding a capacity to 1/2**29 of the largest."""
        tail, head, capacity = (np.concatenate(part) for part in zip(*self._arcs, strict=True))
        # What a variable costs by itself counts only by its difference, and no more than all that it could give in to.
        net = self.one - self.zero
        around = np.bincount(tail[tail >= 0], capacity[tail >= 0], self.nodes)
        around += np.bincount(head[head >= 0], capacity[head >= 0], self.nodes)
        decided = np.abs(net) > around[: self.n]
        if decided.all():
            return net < 0
        return _cut(self.n, self.nodes, tail, head, capacity, net, decided)


def _cut(
    n: int, nodes: int, tail: NDArray[Any], head: NDArray[Any], capacity: Floats, net: Floats, decided: Bools
) -> Bools:
    place = np.arange(nodes + 2, dtype=np.int64)
    place[:n][decided] = np.where(net[decided] < 0, nodes + 1, nodes)
    source, sink = nodes, nodes + 1
    tail = place[np.where(tail == SOURCE, source, tail)]
    head = place[np.where(head == SINK, sink, head)]
    free = np.nonzero(~decided & (net != 0))[0]
    pull = net[free]
    tail = np.concatenate([tail, np.where(pull > 0, source, free)])
    head = np.concatenate([head, np.where(pull > 0, free, sink)])
    capacity = np.concatenate([capacity, np.abs(pull)])
    keep = (tail != head) & (head != source) & (tail != sink)
    on_sink = _sink_side(tail[keep], head[keep], capacity[keep], nodes + 2, source, sink)
    on_sink[:n][decided] = net[decided] < 0
    return on_sink[:n]


def _sink_side(tail: NDArray[Any], head: NDArray[Any], capacity: Floats, nodes: int, source: int, sink: int) -> Bools:
    """bool[nodes]: the sink's side of the minimum cut, as small as it can be."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    inside = np.zeros(nodes, dtype=np.bool_)
    if not len(capacity):
        return inside
    network = csr_array((capacity, (tail, head)), shape=(nodes, nodes))
    network.sum_duplicates()
    scale = _FULL / network.data.max()
    network.data = np.rint(network.data * scale)
    network = network.astype(np.int32)
    flow = maximum_flow(network, source, sink, method="dinic").flow
    left = (network - flow).T.tocsr()
    left.eliminate_zeros()
    inside[breadth_first_order(left, sink, directed=True, return_predecessors=False)] = True
    return inside
