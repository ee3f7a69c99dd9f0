"""Energy: what is minimised is what is reported, and who takes no part in a transfer changes nothing of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.boards import Paper, chain, planner
from zif.planning.placement import evaluate
from zif.planning.plan import Plan

OPS = ("Relu", "Abs", "Neg", "Exp")
figures = st.integers(1, 40).map(float)
papers = st.builds(
    Paper,
    us=st.fixed_dictionaries(dict.fromkeys(OPS, figures)),
    launch_us=figures,
    link_us=st.integers(0, 30).map(float),
    watts=st.sampled_from((0.0, 0.1, 0.5, 1.0, 3.0, 8.0)),
)
boards = st.lists(papers, min_size=1, max_size=3).map(lambda rows: {f"b{i}": row for i, row in enumerate(rows)})


def energy(plan: Plan) -> float:
    """What the plan's own parts come to."""
    return sum(s.energy_uj for s in plan.segments) + sum(t.energy_uj for t in plan.transfers)


@given(boards)
@settings(max_examples=20, deadline=None)
def test_no_other_placement_takes_less_than_the_one_that_power_chose(backends: dict[str, Paper]) -> None:
    model = chain(OPS)
    made = planner(model, backends, policy="power")
    best = made.plan().predicted.energy_uj
    names = sorted(backends)
    for placed in itertools.product(names, repeat=len(OPS)):
        pins = dict(zip((unit.id for unit in model.units), placed, strict=True))
        other = planner(model, backends, policy="power", pin=pins).plan()
        assert best <= other.predicted.energy_uj + 1e-2, (best, placed, other.predicted.energy_uj)


@given(boards, st.sampled_from(("performance", "power", "balanced")))
@settings(max_examples=40, deadline=None)
def test_the_energy_of_a_plan_is_that_of_its_parts(backends: dict[str, Paper], policy: str) -> None:
    made = planner(chain(OPS), backends, policy=policy)
    plan = made.plan()
    assert plan.predicted.energy_uj == pytest.approx(energy(plan), abs=1e-2)
    solution = made.place()
    if policy == "power":
        cost = evaluate(solution.task, solution.solution.labels).total
        assert plan.predicted.energy_uj == pytest.approx(cost, abs=1e-2)


@given(boards, st.sampled_from(("performance", "power", "balanced")))
@settings(max_examples=40, deadline=None)
def test_a_backend_that_takes_nothing_changes_nothing(backends: dict[str, Paper], policy: str) -> None:
    idle = Paper(refuses=dict.fromkeys(OPS, "op"), launch_us=1.0, link_us=5.0, watts=50.0)
    alone = planner(chain(OPS), backends, policy=policy).plan()
    beside = planner(chain(OPS), {**backends, "zz": idle}, policy=policy).plan()
    assert [unit.backend for unit in beside.units] == [unit.backend for unit in alone.units]
    assert beside.predicted.energy_uj == alone.predicted.energy_uj


def test_each_end_of_a_transfer_draws_for_its_own_part() -> None:
    """By hand: into the NPU 4 µs at 2 W, out of the NPU the same, and the CPU works in host memory."""
    npu, cpu = Paper(1.0, launch_us=0.0, link_us=4.0, watts=2.0), Paper(100.0, watts=5.0)
    plan = planner(chain(["Relu"]), {"npu": npu, "cpu": cpu}, policy="power").plan()
    assert plan.backends == ("npu",)
    assert [transfer.energy_uj for transfer in plan.transfers] == [8.0, 8.0]
    assert plan.predicted.energy_uj == 1.0 * 2.0 + 8.0 + 8.0


def test_what_if_counts_energy_alike() -> None:
    from zif.planning.whatif.counterfactual import counterfactuals

    backends = {"cpu": Paper(10.0), "npu": Paper(1.0, refuses={"Exp": "op"}, launch_us=1.0, link_us=1.0, watts=0.5)}
    made = planner(chain(OPS), backends, policy="power")
    told = counterfactuals(made)
    granted = planner(
        chain(OPS), {**backends, "npu": Paper(1.0, launch_us=1.0, link_us=1.0, watts=0.5)}, policy="power"
    )
    best = min(one.energy_uj for one in told)
    assert best == pytest.approx(granted.plan().predicted.energy_uj, rel=1e-3)
