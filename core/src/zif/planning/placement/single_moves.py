"""What moving one unit alone would change: the figures behind "slower there" and "the transfers would cost more"."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.planning.placement.objective import received
from zif.planning.placement.problem import Bools, Floats, Ints, Problem


@frozen(eq=False)
class Alternatives:
    """float64[n, K] each: the change in cost if this unit alone (with its group) moved to that backend.

    `units` and `transfer` are exact; `launch` is read off the unit's neighbours (exact on a chain, an estimate where
    branches run beside each other). Zero on the unit's own backend; `units` and `total` inf where it is not allowed.
    """

    units: Floats
    transfer: Floats
    launch: Floats

    @property
    def total(self) -> Floats:
        """float64[n, K]: the sum."""
        return self.units + self.transfer + self.launch


def alternatives(problem: Problem, labels: Ints) -> Floats:
    """float64[n, K]: `explain_alternatives(problem, labels).total`."""
    return explain_alternatives(problem, labels).total


def explain_alternatives(problem: Problem, labels: Ints) -> Alternatives:
    """What moving each unit alone would change. `labels` is int32[n], allowed everywhere. Vectorised, linear time."""
    whole, member = problem.whole
    merged = np.zeros(whole.n, dtype=np.int32)
    merged[member] = labels
    own = whole.costs[np.arange(whole.n), merged]
    needed = received(whole, merged)
    transfer = _makes(whole, needed) + _reads(whole, merged)
    transfer -= np.take_along_axis(transfer, merged[:, None], axis=1)
    launch = _launch(whole, merged)
    return Alternatives((whole.costs - own[:, None])[member], transfer[member], launch[member])


def _makes(problem: Problem, needed: Bools) -> Floats:
    """float64[n, K]: what sending on all that the unit makes would cost from each backend."""
    made = problem.producer >= 0
    fixed = needed[made] @ problem.place_fixed.T
    sent = fixed + problem.nbytes[made, None] * (needed[made] @ problem.place_per_byte.T)
    return _sum_by(problem.producer[made], sent[:, problem.location[: problem.k]], problem.n)


def _reads(problem: Problem, labels: Ints) -> Floats:
    """float64[n, K]: what fetching all that the unit reads costs on each backend beyond what others fetch anyway."""
    graph, location = problem.graph, problem.location
    places = len(problem.place_fixed)
    at = location[labels[graph.edge_reader]]
    readers = np.bincount(graph.edge_tensor * places + at, minlength=problem.tensors * places)
    readers = readers.reshape(problem.tensors, places)
    readers[problem.is_output, location[problem.k]] += 1
    others = readers[graph.edge_tensor]
    others[np.arange(len(at)), at] -= 1
    source = location[np.append(labels, problem.k)[graph.edge_maker]]
    price = problem.place_fixed[source] + problem.nbytes[graph.edge_tensor, None] * problem.place_per_byte[source]
    fetch = np.where(others > 0, 0.0, price)
    return _sum_by(graph.edge_reader, fetch[:, location[: problem.k]], problem.n)


def _launch(problem: Problem, labels: Ints) -> Floats:
    """float64[n, K]: segments that would begin, end, split or join, going by the backends of the unit's neighbours."""
    maker, reader = problem.graph.links
    shape = (problem.n, problem.k)
    above, below = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    above[reader, labels[maker]] = True
    below[maker, labels[reader]] = True
    # A segment of that backend: a new one where none is near, one less where those above and below become one.
    gained = problem.launch * (1.0 - above.astype(np.float64) - below)
    units = np.arange(problem.n)
    change: Floats = gained - gained[units, labels][:, None]
    change[units, labels] = 0.0
    return change


def _sum_by(unit: NDArray[np.integer], rows: Floats, n: int) -> Floats:
    return np.stack([np.bincount(unit, column, n) for column in rows.T], axis=1)
