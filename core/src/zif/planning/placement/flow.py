"""Minimum cuts: a small network builder over scipy's maximum flow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zif.planning.placement.problem import Bools, Floats

#: Largest capacity for scipy, which computes in int32, silently, and adds a flow to a capacity: half of what fits.
_FULL = 2**30 - 1

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
        none = np.zeros(0, dtype=np.int64)
        self._arcs: list[tuple[NDArray[Any], NDArray[Any], Floats]] = [(none, none, np.zeros(0))]

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

    def cut(self) -> tuple[Bools, float]:
        """bool[n]: the cheapest assignment, and how far from the cheapest the rounding to integers may have put it."""
        tail, head, capacity = (np.concatenate(part) for part in zip(*self._arcs, strict=True))
        # What a variable costs by itself counts only by its difference; one that no neighbours outweigh is decided.
        net = self.one - self.zero
        leaves = np.bincount(tail[tail >= 0], capacity[tail >= 0], self.nodes)
        around = leaves + np.bincount(head[head >= 0], capacity[head >= 0], self.nodes)
        decided = np.abs(net) > around[: self.n]
        side = np.full(self.nodes, False)
        side[: self.n] = net < 0
        if decided.all():
            return side[: self.n], 0.0
        place = np.arange(self.nodes, dtype=np.int64)
        place[: self.n][decided] = np.where(side[: self.n][decided], SINK, SOURCE)
        free = np.flatnonzero(~decided)
        pull = np.abs(net[free])
        tail = np.concatenate([_at(place, tail), np.where(side[free], free, SOURCE)])
        head = np.concatenate([_at(place, head), np.where(side[free], SINK, free)])
        source_side, rounding = _sink_side(tail, head, np.concatenate([capacity, pull]), self.nodes)
        side[: self.n] = np.where(decided, side[: self.n], source_side[: self.n])
        return side[: self.n], rounding


def _at(place: NDArray[np.int64], node: NDArray[Any]) -> NDArray[np.int64]:
    """Where nodes went; SOURCE and SINK stay."""
    return np.where(node < 0, node, place[np.maximum(node, 0)])


def _sink_side(tail: NDArray[Any], head: NDArray[Any], capacity: Floats, nodes: int) -> tuple[Bools, float]:
    """bool[nodes]: the sink's side of the minimum cut, as small as it can be, and the error that rounding may add."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    keep = (tail != head) & (head != SOURCE) & (tail != SINK) & (capacity > 0)
    tail, head, capacity = tail[keep], head[keep], capacity[keep]
    source, sink = nodes, nodes + 1
    leaves, arrives = capacity[tail == SOURCE].sum(), capacity[head == SINK].sum()
    tail, head = np.where(tail == SOURCE, source, tail), np.where(head == SINK, sink, head)
    # maximum_flow wants indices of 32 bits, and an older scipy leaves those of an array as they are.
    ends = (tail.astype(np.int32), head.astype(np.int32))
    network = csr_array((capacity, ends), shape=(nodes + 2, nodes + 2))
    network.sum_duplicates()
    rounding = 0.0
    if leaves > 0 and arrives > 0:
        # No minimum cut pays more than all that leaves the source, or reaches the sink; what is larger can be less so.
        network.data = np.minimum(network.data, 2 * min(leaves, arrives))
        scale = _FULL / network.data.max()
        rounding = network.nnz / scale
        network.data = np.rint(network.data * scale).astype(np.int32)
        network = network - maximum_flow(network, source, sink, method="dinic").flow
        network.eliminate_zeros()
    inside = np.zeros(nodes + 2, dtype=np.bool_)
    inside[breadth_first_order(network.T.tocsr(), sink, directed=True, return_predecessors=False)] = True
    return inside[:nodes], rounding
