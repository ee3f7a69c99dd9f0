"""The best move to one backend: which units should give up their label for it, found by one minimum cut.

With two backends, starting from the one, the move to the other reaches every placement, so it is the exact optimum of
units + transfers + charges (see `launch`). With more it is the step of an alpha-expansion.

A variable per unit: 0 keeps its label, 1 takes `target`. A tensor that is made at location a costs

    at the target's location A   w(a, A) when the maker stays and some reader is or goes there,
    at every other location d    w(a or A, d) when some reader stays there.

Every "some reader" with several of them needs a helper node, so that the tensor is paid for once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zif.planning.placement.flow import SINK, SOURCE, Network
from zif.planning.placement.graph import Index
from zif.planning.placement.launch import Charges
from zif.planning.placement.problem import Bools, Floats, Ints, Problem


def best_move(
    problem: Problem, labels: Ints, target: int, charges: Charges | None = None, favour_maker: bool = True
) -> tuple[Ints, float]:
    """int32[n]: the labels after the best move to `target`, and how far rounding may be from the optimum among moves.

    `labels` may hold labels that are not allowed; those units move. Never dearer than `labels` under units + transfers
    + charges when all of those are allowed; the optimum among all moves when K is 2. For K > 2 a term that no cut can
    hold is replaced by a bound that is tight for `labels`; `favour_maker` chooses between two such bounds.
    """
    everyone = np.arange(problem.n)
    stuck = np.isinf(problem.costs[everyone, labels])
    labels = np.where(stuck, target, labels).astype(np.int32)
    can = np.isfinite(problem.costs[:, target]) & (labels != target)
    node = np.where(can, everyone, np.where(labels == target, SINK, SOURCE))
    network = Network(problem.n)
    network.zero[can] = problem.costs[everyone[can], labels[can]]
    network.one[can] = problem.costs[can, target]
    _Transfers(problem, labels, target, node, favour_maker).add(network)
    if charges is not None:
        charges.add(network, problem, labels, target, node)
    chosen, rounding = network.cut()
    return np.where(can & chosen, target, labels).astype(np.int32), rounding


class _Transfers:
    """The transfer terms of one move."""

    def __init__(
        self, problem: Problem, labels: Ints, target: int, node: NDArray[np.int64], favour_maker: bool
    ) -> None:
        graph, place = problem.graph, problem.location
        self.favour_maker = favour_maker
        self.places = len(problem.place_fixed)
        self.aim = int(place[target])
        self.maker = np.append(node, SOURCE)[graph.producer]
        self.tensor, self.reader = graph.edge_tensor, node[graph.edge_reader]
        self.reads_at = place[labels[graph.edge_reader]]
        came_from = place[np.append(labels, problem.k)[graph.producer]]
        self.stay = _prices(problem, came_from)
        moved = _prices(problem, np.full(problem.tensors, self.aim))
        self.moved = np.where(self.maker[:, None] >= 0, moved, self.stay)
        shape = (problem.tensors, self.places)
        key = self.tensor * self.places + self.reads_at
        self.readers = np.bincount(key, minlength=shape[0] * shape[1]).reshape(shape)
        #: bool[t, C]: whether the tensor is needed there whatever moves.
        self.always: Bools = np.zeros(shape, dtype=np.bool_)
        self.always[problem.is_output, place[problem.k]] = True
        fixed = self.reader == SOURCE
        self.always[self.tensor[fixed], self.reads_at[fixed]] = True
        self.always[:, self.aim] |= self.readers[:, self.aim] > 0

    def add(self, network: Network) -> None:
        self._to_target(network)
        self._elsewhere(network)

    def _to_target(self, network: Network) -> None:
        """The maker stays and some reader is, or goes, to the target's location."""
        price = self.stay[:, self.aim]
        sure = self.always[:, self.aim]
        sink = np.full(len(price), SINK)
        network.arcs(self.maker[sure], sink[sure], price[sure])
        mobile = (self.reader >= 0) & ~sure[self.tensor] & (price[self.tensor] > 0)
        tensor, reader = self.tensor[mobile], self.reader[mobile]
        count = np.bincount(tensor, minlength=len(price))
        tail = self.maker.copy()
        several = np.nonzero(count > 1)[0]
        helper = network.helpers(len(several))
        network.arcs(self.maker[several], helper, price[several])
        tail[several] = helper
        network.arcs(tail[tensor], reader, price[tensor])

    def _elsewhere(self, network: Network) -> None:
        """Some reader stays at another location, which the tensor reaches from where its maker stays or goes."""
        here = (self.readers > 0) | self.always
        here[:, self.aim] = False
        tensor, place = np.nonzero(here)
        stay, moved = self.stay[tensor, place], self.moved[tensor, place]
        base, more, less = np.minimum(stay, moved), np.maximum(moved - stay, 0.0), np.maximum(stay - moved, 0.0)
        sure = self.always[tensor, place]
        maker = self.maker[tensor]
        source, sink = np.full(len(tensor), SOURCE), np.full(len(tensor), SINK)
        network.arcs(source[sure], maker[sure], more[sure])
        by_maker = sure | self.favour_maker
        network.arcs(maker[by_maker], sink[by_maker], less[by_maker])
        base = np.where(by_maker, base, base + less)
        self._readers_elsewhere(network, tensor, place, ~sure & (base + more > 0), base, more)

    def _readers_elsewhere(
        self,
        network: Network,
        tensor: Index,
        place: Index,
        open_: Bools,
        base: Floats,
        more: Floats,
    ) -> None:
        number = np.full(self.readers.shape, -1, dtype=np.int64)
        number[tensor[open_], place[open_]] = np.nonzero(open_)[0]
        term = number[self.tensor, self.reads_at]
        reader, term = self.reader[term >= 0], term[term >= 0]
        several = np.nonzero(open_ & (self.readers[tensor, place] > 1))[0]
        helper = network.helpers(len(several))
        via = np.full(len(tensor), SINK)
        via[several] = helper
        network.arcs(reader[via[term] >= 0], via[term][via[term] >= 0], (base + more)[term][via[term] >= 0])
        alone = term[via[term] < 0]
        single = reader[via[term] < 0]
        network.arcs(single, np.full(len(single), SINK), base[alone])
        network.arcs(single, self.maker[tensor[alone]], more[alone])
        network.arcs(helper, np.full(len(several), SINK), base[several])
        network.arcs(helper, self.maker[tensor[several]], more[several])


def _prices(problem: Problem, place: NDArray[Any]) -> Floats:
    """float64[t, L]: what each tensor costs from its `place` to every location."""
    prices: Floats = problem.place_fixed[place] + problem.nbytes[:, None] * problem.place_per_byte[place]
    return prices
