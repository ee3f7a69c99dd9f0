"""What-ifs: what a change would make of a plan is what planning with the change gives, and the best few are found."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import attrs
import pytest
import zif
from hypothesis import given, settings
from hypothesis import strategies as st
from planning.boards import CPU, Paper, chain, fast, planner
from zif.errors import Unsupported, UsageError
from zif.planning.whatif import counterfactual
from zif.planning.whatif.counterfactual import counterfactuals, what_if
from zif.planning.whatif.hypothesis import suppose
from zif.runtime.planners import explored

#: One operator is refused in three places: five segments more than there need be.
LADDER = ["Relu", "Relu", "Erf", "Relu", "Relu", "Erf", "Relu", "Relu", "Erf", "Relu"]


def ladder(**request: Any) -> Any:
    return planner(chain(LADDER), {"npu": fast("Erf"), "cpu": CPU}, **request)


def test_the_change_that_pays_is_found_with_its_figures() -> None:
    made = ladder()
    plan = made.plan()
    (one,) = counterfactuals(made)
    assert one.changes == ("npu+Erf",)
    assert one.text == "npu took Erf"
    assert (one.op_types, one.codes, one.reason) == ({"Erf": 3}, {"op": 3}, "has no Erf")
    assert (len(plan.segments), one.segments) == (6, 1)  # the last Relu is not worth another launch
    assert one.latency_us == pytest.approx(10 * 1.0 + 5.0 + 2 * 3.0, abs=0.01)
    assert one.cost_change == pytest.approx(one.latency_us / plan.predicted.latency_us - 1, abs=1e-3)


def test_it_is_what_planning_with_the_change_gives() -> None:
    made = planner(chain(LADDER), {"npu": fast("Erf", watts=2.5), "cpu": CPU}, policy="balanced")
    (one,) = counterfactuals(made)
    plan = suppose(made, ["npu+Erf"]).planner.plan()
    assert one.latency_us == pytest.approx(plan.predicted.latency_us, rel=1e-6)
    assert one.energy_uj == pytest.approx(plan.predicted.energy_uj, rel=1e-6)
    assert one.transfer_bytes == plan.predicted.transfer_bytes
    assert one.segments == len(plan.segments)
    assert one.moved == sum(a.backend != b.backend for a, b in zip(plan.units, made.plan().units, strict=True))
    asked = what_if(made, ["npu+Erf"])
    assert attrs.evolve(asked, asked=False) == one


def test_two_operators_that_pay_only_together_are_found_together() -> None:
    nothing = {"Sign": 10.0, "Abs": 10.0}  # as dear there as here: to lift these saves nothing
    npu = fast("Erf", "Softsign", *nothing, us=nothing)
    model = planner(chain([*["Relu", "Erf", "Softsign", "Relu"] * 4, *nothing]), {"npu": npu, "cpu": CPU})
    best = counterfactuals(model)[0]
    assert set(best.changes) == {"npu+Erf", "npu+Softsign"}
    alone = [what_if(model, [change]).cost_change for change in best.changes]
    assert best.cost_change < min(alone) * 1.5


def test_what_carries_nothing_is_left_out() -> None:
    """Sign would cost as much there as here: lifting it saves nothing, so the suggestion does not name it."""
    npu = fast("Erf", "Sign", us={"Sign": 10.0, "Relu": 1.0, "Erf": 1.0})
    made = planner(chain([*LADDER, "Sign"]), {"npu": npu, "cpu": CPU})
    assert [one.changes for one in counterfactuals(made)] == [("npu+Erf",)]


@pytest.mark.parametrize(("code", "step"), [("dynamic-shape", "--shape"), ("precision", "zif compare")])
def test_one_cause_is_one_change_whatever_operators_it_meets(code: str, step: str) -> None:
    npu = fast(refuses={"Relu": code, "Erf": code, "Sign": "op"})
    made = planner(chain([*LADDER, "Sign"]), {"npu": npu, "cpu": CPU})
    best = counterfactuals(made)[0]
    assert f"npu+code:{code}" in best.changes
    assert f"what it refuses as {code}" in best.text
    assert step in best.note


@settings(max_examples=25, deadline=None)
@given(
    ops=st.lists(st.sampled_from(["Relu", "Erf", "Sign", "Abs"]), min_size=2, max_size=9),
    refused=st.sets(st.sampled_from(["Relu", "Erf", "Sign", "Abs"]), min_size=1),
    launch=st.sampled_from([0.0, 5.0, 40.0]),
)
def test_no_change_of_few_operators_beats_the_best_that_is_told(
    ops: list[str], refused: set[str], launch: float
) -> None:
    """Against every combination of up to three refused operators, each planned in full."""
    made = planner(chain(ops), {"npu": fast(*sorted(refused), launch_us=launch), "cpu": CPU})
    told = counterfactuals(made, limit=50)
    present = sorted(refused & set(ops))
    sets = [some for size in (1, 2, 3) for some in combinations(present, size)]
    base = made.plan().predicted.latency_us
    best = min((what_if(made, [f"npu+{op}" for op in some]).latency_us for some in sets), default=base)
    found = min((one.latency_us for one in told), default=base)
    saved, possible = base - found, base - best
    assert saved >= 0.9 * possible - counterfactual.WORTH * base
    assert [one.cost_change for one in told] == sorted(one.cost_change for one in told)
    assert all(one.cost_change < 0 for one in told)


def test_how_often_it_solves_depends_on_the_size_only(monkeypatch: pytest.MonkeyPatch) -> None:
    import zif.planning.placement as placement

    ops = ["Relu", "Erf", "Sign", "Abs", "Neg", "Exp", "Tanh", "Sigmoid"] * 250
    made = planner(chain(ops), {"npu": fast(*sorted(set(ops) - {"Relu"})), "cpu": CPU})
    calls, real = [], placement.solve
    monkeypatch.setattr(placement, "solve", lambda task: calls.append(1) or real(task))
    assert counterfactuals(made)
    assert len(calls) <= 1 + 24_000 // len(ops)


def test_pins_and_strictness_are_kept() -> None:
    assert counterfactuals(ladder(pin={"op:Erf": "cpu"})) == ()
    alone = planner(chain(LADDER), {"cpu": CPU}, strict=True)
    assert counterfactuals(alone) == ()


def test_to_refuse_more_costs_more() -> None:
    made = ladder()
    one = what_if(made, ["npu-Relu"])
    assert one.text == "npu did not take Relu"
    assert one.cost_change > 0
    assert one.segments == 1
    assert what_if(made, ["npu-Relu_0"]).cost_change < one.cost_change


def test_changes_act_together() -> None:
    one = what_if(ladder(), ["npu+Erf", "npu-Relu_0"])
    assert one.text == "npu took Erf, and npu did not take Relu_0"
    assert len(one.units) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("Erf", "write BACKEND+PATTERN"),
        ("npu+", "write BACKEND+PATTERN"),
        ("tpu+Erf", "the backends are cpu, npu"),
        ("npu+Frobnicate", "no operator and no unit"),
        ("npu+Relu", "npu takes all of these already"),
        ("npu-Erf", "npu takes none of these anyway"),
    ],
)
def test_a_change_that_means_nothing_is_refused(change: str, words: str) -> None:
    with pytest.raises(UsageError, match="what-if") as caught:
        what_if(ladder(), [change])
    assert words in str(caught.value)


def test_units_without_a_home_are_named() -> None:
    with pytest.raises(Unsupported, match="Erf_2"):
        what_if(ladder(), ["cpu-Erf"])


def test_a_name_with_a_minus_is_a_name() -> None:
    made = planner(chain(LADDER), {"npu": fast("Erf", "Relu"), "npu-2": fast("Erf"), "cpu": CPU})
    one = what_if(made, ["npu-2+Erf"])
    assert one.changes == ("npu-2+Erf",)
    assert one.text == "npu-2 took Erf"


def test_the_plan_carries_them_through_json() -> None:
    made = ladder()
    plan = explored(made, ["npu-Relu"], limit=3)
    assert [one.asked for one in plan.counterfactuals] == [True, False]
    assert zif.Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert made.plan().counterfactuals == ()


def test_energy_is_what_power_looks_at() -> None:
    """The NPU is quick and hungry: under power the change that saves time saves nothing."""
    npu = Paper({"Erf": 1.0, "Relu": 1.0}, {"Erf": "op"}, 0.0, 0.1, watts=100.0)
    slow = {"npu": npu, "cpu": CPU}
    assert counterfactuals(planner(chain(LADDER), slow, policy="performance"))
    assert counterfactuals(planner(chain(LADDER), slow, policy="power")) == ()


def test_a_supposition_that_cannot_be_placed_costs_the_plan_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search solves problems of its own making: where one of them is none, there is one suggestion less."""
    from zif.planning import placement
    from zif.planning.placement import PlacementError

    made, asked = ladder(), []
    search = counterfactual._Search(made, made.place())

    def never(*_: Any) -> Any:
        asked.append(1)
        raise PlacementError("units of one group have different labels")

    for name in ("solve", "evaluate"):
        search.solved.clear()
        with monkeypatch.context() as patch:
            patch.setattr(placement, name, never)
            assert [one for k in range(len(made.names)) for one in search.best_on(k)] == []
    assert len(asked) > 2
    search.solved.clear()
    assert [one for k in range(len(made.names)) for one in search.best_on(k)]
