"""The best move to one backend: which units should give up their label for it, found by one minimum cut.

With two backends, starting from the one, the move to the other reaches every placement, so it is the exact optimum of
units + transfers. With more it is the step of an alpha-expansion.

A variable per unit: 0 keeps its label, 1 takes `target`. A tensor that is made at a, is read at the classes d:

    at the target's class A   w(a, A) when the maker stays and some reader is or goes there
    at every other class d    w(a or A, d) when some reader stays there

Every "some reader" with several of them needs a helper node, so that the tensor is paid for once.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.placement.flow import SINK, SOURCE, Network
from zif.placement.graph import Index
from zif.placement.problem import Bools, Floats, Ints, Problem


@frozen(eq=False)
class Toll:
    """A price for tensors that pass between classes of labels, once per receiving class.

    `of` is int32[K + 1], the class of each label and of the host; `fixed` and `per_byte` are float64[C, C].
    """

    of: Ints
    fixed: Floats
    per_byte: Floats

    def prices(self, source: NDArray[np.int32] | int, nbytes: Floats) -> Floats:
        """float64[t, C]: what each tensor would cost from class `source` to every class."""
        return self.fixed[source] + nbytes[:, None] * self.per_byte[source]


def tolls(problem: Problem, launch_weight: float) -> tuple[Toll, ...]:
    """Transfers, with the launch cost of segments spread over them: a change of backend costs `launch_weight` times
    the launches at both of its ends. Where backends share a location, the launches need a toll of their own."""
    start = np.append(problem.launch, 0.0)
    location = problem.location
    alone = len(np.unique(location[: problem.k])) == problem.k
    link = Toll(location, problem.place_fixed, problem.place_per_byte)
    if launch_weight == 0 or not start.any():
        return (link,)
    if alone:
        at_place = np.zeros(len(problem.place_fixed))
        np.maximum.at(at_place, location, start)
        return (Toll(location, link.fixed + _between(at_place, launch_weight), link.per_byte),)
    own = np.arange(problem.k + 1, dtype=np.int32)
    return link, Toll(own, _between(start, launch_weight), np.zeros((len(own), len(own))))


def _between(start: Floats, weight: float) -> Floats:
    between = weight * (start[:, None] + start[None, :])
    np.fill_diagonal(between, 0.0)
    return between


def best_move(problem: Problem, labels: Ints, target: int, prices: tuple[Toll, ...], favour_maker: bool = True) -> Ints:
    """int32[n]: the labels after the best move to `target`. `labels` may hold labels that are not allowed; those units
    move. Never dearer than `labels` under units + tolls when all of those are allowed; the optimum among all moves when
    K is 2. For K > 2 a term that no cut can hold is replaced by a bound that is tight for `labels`; `favour_maker`
    chooses between two such bounds."""
    everyone = np.arange(problem.n)
    stuck = np.isinf(problem.costs[everyone, labels])
    labels = np.where(stuck, target, labels).astype(np.int32)
    can = np.isfinite(problem.costs[:, target]) & (labels != target)
    node = np.where(can, everyone, np.where(labels == target, SINK, SOURCE))
    network = Network(problem.n)
    network.zero[can] = problem.costs[everyone[can], labels[can]]
    network.one[can] = problem.costs[can, target]
    for toll in prices:
        _Terms(problem, labels, target, toll, node, favour_maker).add(network)
    chosen = network.cut()
    return np.where(can & chosen, target, labels).astype(np.int32)


class _Terms:
    """The terms of one toll."""

    def __init__(
        self, problem: Problem, labels: Ints, target: int, toll: Toll, node: NDArray[np.int64], favour_maker: bool
    ) -> None:
        graph = problem.graph
        self.favour_maker = favour_maker
        self.classes = len(toll.fixed)
        self.aim = int(toll.of[target])
        self.maker = np.append(node, SOURCE)[graph.producer]
        self.tensor, self.reader = graph.edge_tensor, node[graph.edge_reader]
        self.reads_at = toll.of[labels[graph.edge_reader]]
        came_from = toll.of[np.append(labels, problem.k)[graph.producer]]
        self.stay = toll.prices(came_from, problem.nbytes)
        moved = toll.prices(self.aim, problem.nbytes)
        self.moved = np.where(self.maker[:, None] >= 0, moved, self.stay)
        shape = (problem.tensors, self.classes)
        place = self.tensor * self.classes + self.reads_at
        self.readers = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
        #: bool[t, C]: whether the tensor is needed there whatever moves.
        self.always: Bools = np.zeros(shape, dtype=np.bool_)
        self.always[problem.is_output, toll.of[problem.k]] = True
        fixed = self.reader == SOURCE
        self.always[self.tensor[fixed], self.reads_at[fixed]] = True
        self.always[:, self.aim] |= self.readers[:, self.aim] > 0

    def add(self, network: Network) -> None:
        self._to_target(network)
        self._elsewhere(network)

    def _to_target(self, network: Network) -> None:
        """The maker stays and some reader is, or goes, to the target's class."""
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
        """Some reader stays at another class, which the tensor reaches from where its maker stays or goes."""
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
