"""The placement problem as arrays: what each unit costs where, what flows between units, and what moving it costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import converters, evolve, field, frozen
from numpy.typing import NDArray

from zif.planning.placement.graph import PlacementError, UnitGraph, merge

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def _ints(value: Any) -> Ints:
    return np.ascontiguousarray(value, dtype=np.int32)


def _floats(value: Any) -> Floats:
    return np.ascontiguousarray(value, dtype=np.float64)


def _bools(value: Any) -> Bools:
    return np.ascontiguousarray(value, dtype=np.bool_)


@frozen(eq=False)
class Problem:
    """`n` units, `t` tensors, `K` backends ("labels" 0..K-1); label K is the host, where inputs and outputs live.

    Units 0..n-1 are in a topological order. All costs are in one unit of the caller's choice (microseconds, weighted by
    the policy). A tensor is paid for once per receiving *location*: labels whose links are all equal (a CPU backend and
    the host, say) share a location, and nothing is paid within one.

    Raises PlacementError when shapes, ranges, the order or the signs do not fit.
    """

    backends: tuple[str, ...]
    #: float64[n, K], inf where a unit is not allowed (unsupported, excluded, pinned elsewhere).
    costs: Floats = field(converter=_floats)
    #: int32[t], the unit that makes the tensor; -1 when it comes from the host.
    producer: Ints = field(converter=_ints)
    #: int32[t + 1] and int32[*], the units that read tensor i: consumer_idx[consumer_ptr[i]:consumer_ptr[i + 1]].
    consumer_ptr: Ints = field(converter=_ints)
    consumer_idx: Ints = field(converter=_ints)
    #: bool[t], whether the tensor must end on the host.
    is_output: Bools = field(converter=_bools)
    #: float64[t]
    nbytes: Floats = field(converter=_floats)
    #: float64[K + 1, K + 1]: moving one tensor from label a to b costs link_fixed[a, b] + nbytes * link_per_byte[a, b].
    link_fixed: Floats = field(converter=_floats)
    link_per_byte: Floats = field(converter=_floats)
    #: float64[K], cost of starting one segment.
    launch: Floats = field(converter=_floats)
    #: int32[n], units with the same number >= 0 share a backend and a segment; None when every unit stands for itself.
    groups: Ints | None = field(default=None, converter=converters.optional(_ints))

    def __attrs_post_init__(self) -> None:
        _check_shapes(self)
        _check_values(self)

    @classmethod
    def build(
        cls,
        backends: Sequence[str],
        costs: Any,
        tensors: Iterable[tuple[int, Sequence[int], bool, float]],
        link_fixed: Any,
        link_per_byte: Any,
        launch: Any,
        groups: Any = None,
    ) -> Problem:
        """Make a problem from one (producer or -1, consumers, is_output, nbytes) per tensor. Costs as float64[n, K]."""
        rows = list(tensors)
        ptr = np.cumsum([0, *(len(row[1]) for row in rows)])
        return cls(
            backends=tuple(backends),
            costs=np.asarray(costs, dtype=np.float64).reshape(-1, max(len(backends), 1)),
            producer=[row[0] for row in rows],
            consumer_ptr=ptr,
            consumer_idx=[unit for row in rows for unit in row[1]],
            is_output=[row[2] for row in rows],
            nbytes=[row[3] for row in rows],
            link_fixed=link_fixed,
            link_per_byte=link_per_byte,
            launch=launch,
            groups=groups,
        )

    @property
    def n(self) -> int:
        """How many units."""
        return len(self.costs)

    @property
    def k(self) -> int:
        """How many backends; also the label of the host."""
        return len(self.backends)

    @property
    def tensors(self) -> int:
        """How many tensors."""
        return len(self.producer)

    @cached_property
    def location(self) -> Ints:
        """int32[K + 1]: labels (the host last) with the same number keep their tensors in the same place."""
        links = np.hstack([self.link_fixed, self.link_fixed.T, self.link_per_byte, self.link_per_byte.T])
        _, inverse = np.unique(links, axis=0, return_inverse=True)
        return _ints(inverse.reshape(-1))

    @cached_property
    def place_fixed(self) -> Floats:
        """float64[L, L]: `link_fixed` between locations."""
        return _between_places(self.link_fixed, self.location)

    @cached_property
    def place_per_byte(self) -> Floats:
        """float64[L, L]: `link_per_byte` between locations."""
        return _between_places(self.link_per_byte, self.location)

    @cached_property
    def graph(self) -> UnitGraph:
        """Who reads what, without repetition."""
        return UnitGraph.of(self.n, self.producer, self.consumer_ptr, self.consumer_idx)

    @cached_property
    def whole(self) -> tuple[Problem, Ints]:
        """The same problem with every group as one unit, and int32[n], each unit's number in it.

        Raises PlacementError when the groups cannot be run whole in any order.
        """
        if self.groups is None or not (self.groups >= 0).any():
            return self, np.arange(self.n, dtype=np.int32)
        member = merge(self.graph, self.groups)
        return _merged(self, member), _ints(member)


def _merged(p: Problem, member: NDArray[np.int64]) -> Problem:
    costs = np.zeros((int(member.max()) + 1, p.k))
    np.add.at(costs, member, p.costs)
    maker = np.append(member, -1)[p.graph.producer]
    reader = member[p.graph.edge_reader]
    outer = reader != maker[p.graph.edge_tensor]
    ptr = np.searchsorted(p.graph.edge_tensor[outer], np.arange(p.tensors + 1))
    return evolve(p, costs=costs, producer=maker, consumer_ptr=ptr, consumer_idx=reader[outer], groups=None)


def _between_places(links: Floats, location: Ints) -> Floats:
    _, first = np.unique(location, return_index=True)
    return np.ascontiguousarray(links[np.ix_(first, first)])


def _check_shapes(p: Problem) -> None:
    k, t = p.k, p.tensors
    if k == 0:
        raise PlacementError("a placement problem needs at least one backend")
    expected = {"costs": (p.n, k), "producer": (t,), "consumer_ptr": (t + 1,), "is_output": (t,), "nbytes": (t,)}
    expected |= {"link_fixed": (k + 1, k + 1), "link_per_byte": (k + 1, k + 1), "launch": (k,)}
    if p.groups is not None:
        expected["groups"] = (p.n,)
    for name, shape in expected.items():
        if getattr(p, name).shape != shape:
            raise PlacementError(f"{name} has shape {getattr(p, name).shape}, not {shape}")
    if p.consumer_ptr[0] != 0 or p.consumer_ptr[-1] != len(p.consumer_idx) or (np.diff(p.consumer_ptr) < 0).any():
        raise PlacementError("consumer_ptr does not divide consumer_idx")


def _check_values(p: Problem) -> None:
    for name in ("costs", "nbytes", "link_fixed", "link_per_byte", "launch"):
        values = getattr(p, name)
        if not (values >= 0).all() or (name != "costs" and np.isinf(values).any()):
            raise PlacementError(f"{name} holds a negative, infinite or undefined number")
    if np.diagonal(p.link_fixed).any() or np.diagonal(p.link_per_byte).any():
        raise PlacementError("moving a tensor to where it is must cost nothing: the links' diagonals are not zero")
    if ((p.producer < -1) | (p.producer >= p.n)).any() or ((p.consumer_idx < 0) | (p.consumer_idx >= p.n)).any():
        raise PlacementError("a tensor is made or read by a unit that does not exist")
    late = np.repeat(p.producer, np.diff(p.consumer_ptr)) >= p.consumer_idx
    if late.any():
        unit = int(p.consumer_idx[np.argmax(late)])
        raise PlacementError(f"units are not in a topological order: unit {unit} reads what it or a later unit makes")
