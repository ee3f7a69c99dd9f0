from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zif.planning.placement.flow import SINK, SOURCE, Network

sizes = st.sampled_from([0.0, 1.0, 2.0, 3.5, 1e-3, 700.0, 1e6])


@st.composite
def networks(
    draw: st.DrawFn, capacities: st.SearchStrategy[float] = sizes
) -> tuple[int, int, list[tuple[int, int, float]]]:
    n, helpers = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    node = st.integers(-2, n + helpers - 1)
    return n, helpers, draw(st.lists(st.tuples(node, node, capacities), max_size=14))


def value(arcs: list[tuple[int, int, float]], side: tuple[bool, ...]) -> float:
    at = {SOURCE: False, SINK: True, **dict(enumerate(side))}
    return sum(capacity for tail, head, capacity in arcs if not at[tail] and at[head])


def cheapest(arcs: list[tuple[int, int, float]], fixed: tuple[bool, ...], helpers: int) -> float:
    return min(value(arcs, fixed + rest) for rest in product([False, True], repeat=helpers))


@settings(deadline=None, max_examples=300)
@given(networks())
def test_the_cut_is_the_cheapest_up_to_its_own_rounding(network: tuple[int, int, list[tuple[int, int, float]]]) -> None:
    n, helpers, arcs = network
    # What runs from the source to the sink is paid whatever is chosen, and what the source's side has no say in is not.
    net = Network(n)
    net.helpers(helpers)
    tail, head = (np.array([arc[i] for arc in arcs], dtype=np.int64) for i in (0, 1))
    net.arcs(tail, head, np.array([arc[2] for arc in arcs]))
    side, rounding = net.cut()
    best = min(cheapest(arcs, fixed, helpers) for fixed in product([False, True], repeat=n))
    assert cheapest(arcs, tuple(side.tolist()), helpers) <= best + rounding + 1e-9
    assert rounding <= 1e-8 * sum(arc[2] for arc in arcs)


def test_capacities_beyond_all_others_do_not_drown_the_rest() -> None:
    # A chain of 1e30 between units that differ by 1 in all: they must go together, to the cheaper side.
    net = Network(3)
    net.zero[:] = [5.0, 0.0, 0.0]
    net.one[:] = [0.0, 2.0, 2.0]
    for tail, head in ((0, 1), (1, 0), (1, 2), (2, 1)):
        net.arcs(np.array([tail]), np.array([head]), np.array([1e30]))
    assert net.cut()[0].tolist() == [True, True, True]
    net.zero[0] = 3.0
    assert net.cut()[0].tolist() == [False, False, False]


def test_many_arcs_between_the_same_two_add_up() -> None:
    net = Network(2)
    net.zero[0], net.one[1] = 25.0, 15.0
    both = np.zeros(20, dtype=np.int64), np.ones(20, dtype=np.int64)
    net.arcs(both[1], both[0], np.ones(20))
    assert net.cut()[0].tolist() == [True, True], "20 for parting, 15 for 1 to follow, 25 for 0 to stay"


def test_more_flow_than_an_int32_holds() -> None:
    # 50 units, each pulled with nearly the largest capacity: the sum of the flow is far over 2**31.
    n = 50
    net = Network(n)
    hub = net.helpers(1)
    net.one[:] = 1e9 + np.arange(n)
    net.arcs(np.arange(n), np.repeat(hub, n), np.full(n, 1e9))
    net.arcs(hub, np.array([SINK]), np.array([30e9]))
    side, _ = net.cut()
    assert not side.any()
    assert pytest.approx(0.0) == net.one[side].sum()
