"""Who reads what: the edges of a placement problem without repetition, as arrays and as lists for Python loops."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

Index = NDArray[np.int64]


class PlacementError(ValueError):
    """The arrays do not describe a placement problem, or none exists: a mistake of the caller, not of the user."""


#: For each unit one neighbour, or -1, and the list of the others, or None: most units have just one; this is quicker.
Neighbours = tuple[list[int], list[list[int] | None]]


@frozen(eq=False)
class UnitGraph:
    """The reads of `n` units. An edge is a (tensor, reading unit) pair that occurs once, ordered by tensor."""

    n: int
    tensors: int
    #: int64[t], the unit that makes the tensor, -1 for the host.
    producer: Index
    #: int64[e] each: the tensor, the unit that reads it, and the unit that made it (-1 for the host).
    edge_tensor: Index
    edge_reader: Index
    edge_maker: Index

    @classmethod
    def of(cls, n: int, producer: NDArray[Any], consumer_ptr: NDArray[Any], consumer_idx: NDArray[Any]) -> UnitGraph:
        """Build from the arrays of a Problem (see there)."""
        tensors = len(producer)
        tensor = np.repeat(np.arange(tensors, dtype=np.int64), np.diff(consumer_ptr))
        pairs = _distinct(tensor * max(n, 1) + consumer_idx)
        tensor, reader = pairs // max(n, 1), pairs % max(n, 1)
        made_by = producer.astype(np.int64)
        return cls(n, tensors, made_by, tensor, reader, made_by[tensor])

    @cached_property
    def links(self) -> tuple[Index, Index]:
        """(maker, reader) of every pair of units with a tensor between them, once, ordered by maker."""
        inner = self.edge_maker >= 0
        pairs = _distinct(self.edge_maker[inner] * max(self.n, 1) + self.edge_reader[inner])
        return pairs // max(self.n, 1), pairs % max(self.n, 1)

    @cached_property
    def inputs(self) -> Neighbours:
        """The units that each unit reads from, for loops over all units."""
        maker, reader = self.links
        order = np.argsort(reader, kind="stable")
        return _neighbours(self.n, reader[order], maker[order])

    @cached_property
    def readers(self) -> Neighbours:
        """The units that read from each unit, for loops over all units."""
        return _neighbours(self.n, *self.links)

    @cached_property
    def before(self) -> list[list[int]]:
        """For each unit, the units that it reads from."""
        maker, reader = self.links
        order = np.argsort(reader, kind="stable")
        return _rows(self.n, reader[order], maker[order])

    @cached_property
    def after(self) -> list[list[int]]:
        """For each unit, the units that read from it."""
        maker, reader = self.links
        return _rows(self.n, maker, reader)


def _distinct(keys: Index) -> Index:
    """The sorted distinct values; quick when the keys are nearly sorted already."""
    keys = np.sort(keys, kind="stable")
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys


def _rows(n: int, row: Index, value: Index) -> list[list[int]]:
    ends = np.searchsorted(row, np.arange(n + 1)).tolist()
    values = value.tolist()
    return [values[a:b] for a, b in pairwise(ends)]


def _neighbours(n: int, row: Index, value: Index) -> Neighbours:
    ends = np.searchsorted(row, np.arange(n + 1))
    counts = np.diff(ends)
    nearest = np.full(n, -1, dtype=np.int64)
    nearest[counts > 0] = value[ends[:-1][counts > 0]]
    others: list[list[int] | None] = [None] * n
    several, values = np.flatnonzero(counts > 1), value.tolist()
    for unit, a, b in zip(several.tolist(), ends[several].tolist(), ends[several + 1].tolist(), strict=True):
        others[unit] = values[a + 1 : b]
    return nearest.tolist(), others


def merge(graph: UnitGraph, groups: NDArray[Any]) -> Index:
    """int64[n]: each unit's number when every group (units with the same number >= 0) becomes one unit.

    The merged units are numbered in a topological order. Raises PlacementError when a path leaves a group and comes
    back, or two groups wait for each other: then no order runs them whole.
    """
    keys = np.where(groups >= 0, groups.astype(np.int64), groups.max(initial=-1) + 1 + np.arange(graph.n))
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    maker, reader = member[graph.links[0]], member[graph.links[1]]
    outer = maker != reader
    count = len(first)
    pairs = _distinct(maker[outer] * max(count, 1) + reader[outer])
    after = _rows(count, pairs // max(count, 1), pairs % max(count, 1))
    order = _topological(after, np.argsort(first).tolist())
    if len(order) < count:
        stuck = sorted(set(range(count)) - set(order))
        names = sorted({int(groups[first[i]]) for i in stuck} - {-1})
        raise PlacementError(f"groups {names} cannot run whole: a path leaves one of them and comes back")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return rank[member]


def _topological(after: list[list[int]], prefer: list[int]) -> list[int]:
    """Kahn's order, starting in the order of `prefer`; shorter than the graph when that has a cycle."""
    waits = [0] * len(after)
    for readers in after:
        for reader in readers:
            waits[reader] += 1
    order = [unit for unit in prefer if not waits[unit]]
    for unit in order:  # grows while it is walked
        for reader in after[unit]:
            waits[reader] -= 1
            if not waits[reader]:
                order.append(reader)
    return order
