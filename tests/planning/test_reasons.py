"""The sentences of a plan: the code fits the figures, and what decides is named."""

from __future__ import annotations

import json

from planning.boards import CPU, Paper, chain, fast, planner
from zif.planning import Plan


def reasons(ops: list[str], unit: str, policy: str = "performance", **backends: Paper) -> dict[str, tuple[str, str]]:
    plan = planner(chain(ops), backends, policy=policy).plan()
    return {name: (verdict.code, verdict.reason) for name, verdict in plan.unit(unit).verdicts.items()}


def test_dearer_by_itself_is_slower() -> None:
    told = reasons(["Relu"] * 4, "Relu_0", npu=fast(), cpu=CPU)
    assert told == {
        "npu": ("ok", "cheapest under performance: 1 µs here, 10 µs on cpu"),
        "cpu": ("slower", "10 µs here, 1 µs on npu"),
    }


def test_cheaper_by_itself_and_not_there_is_the_neighbours_doing() -> None:
    told = reasons(["Erf"], "Erf_0", npu=fast(), cpu=CPU)
    assert told["npu"][0] == "boundary-cost"
    assert told["npu"][1].startswith("1 µs here, 10 µs on cpu, but its tensors would have to be moved; with it there")
    assert told["npu"][1].endswith("the plan is 20 % dearer")  # launch 5, two transfers of 3, 1 itself: 12 against 10
    assert told["cpu"][1] == "cheapest where it stands: 10 µs here; 1 µs on npu, but its tensors would have to be moved"


def test_quicker_and_dearer_is_said_of_energy() -> None:
    hungry = Paper(5.0, {}, 0.0, 0.0, watts=100.0)
    told = reasons(["Relu"], "Relu_0", "power", npu=hungry, cpu=CPU)
    assert told["npu"] == ("slower", "5 µs here, 10 µs on cpu: quicker, but dearer under power")
    assert told["cpu"] == ("ok", "cheapest under power: 10 µs here; 5 µs on npu: quicker, but dearer")


def test_the_only_one_says_so() -> None:
    told = reasons(["Relu", "Erf"], "Erf_1", npu=fast("Erf"), cpu=CPU)
    assert told == {"npu": ("op", "has no Erf"), "cpu": ("ok", "the only backend that takes it; 10 µs here")}


def told(plan: Plan, unit: str, backend: str) -> list[tuple[str, bool | None, str]]:
    return [(one.source, one.supported, one.code) for one in plan.unit(unit).verdicts[backend].chain]


def test_what_the_planner_chose_keeps_what_the_backends_said() -> None:
    plan = planner(chain(["Relu", "Erf"] + ["Relu"] * 4), {"npu": fast("Erf"), "cpu": CPU}).plan()
    assert told(plan, "Relu_5", "npu") == [("backend", True, "ok"), ("placement", True, "ok")]
    assert told(plan, "Relu_5", "cpu") == [("backend", True, "ok"), ("placement", True, "slower")]
    assert told(plan, "Erf_1", "npu") == [("backend", False, "op")]


def test_a_build_that_failed_overrules_what_the_backend_said() -> None:
    plan = planner(chain(["Relu"] * 4), {"npu": fast(), "cpu": CPU}).plan({("Relu_1", "npu"): "it did not build"})
    assert told(plan, "Relu_1", "npu") == [("backend", True, "ok"), ("build", False, "probe-failed")]
    assert plan.unit("Relu_1").verdicts["npu"].reason == "it did not build"


def test_what_the_caller_chose_is_no_matter_of_costs() -> None:
    board = {"npu": fast(), "cpu": CPU}
    pinned = planner(chain(["Relu"] * 4), board, pin={"Relu_1": "cpu"}).plan()
    assert told(pinned, "Relu_1", "npu") == [("backend", True, "ok"), ("pin", True, "pinned")]
    strict = planner(chain(["Relu"] * 4), board, strict=True).plan()
    here, there = strict.units[0].backend, next(name for name in board if name != strict.units[0].backend)
    verdict = strict.units[0].verdicts[there]
    assert (verdict.source, verdict.code) == ("pin", "pinned")
    assert verdict.reason.endswith(f"(--strict): on {here}")


def test_where_a_unit_cannot_run_the_plan_says_what_it_would_cost() -> None:
    plan = planner(chain(["Relu", "Erf"]), {"npu": fast("Erf"), "cpu": CPU}).plan()
    refused, taken = plan.unit("Erf_1").verdicts["npu"], plan.unit("Erf_1").verdicts["cpu"]
    assert (refused.cost_us, refused.would_cost_us, refused.cost_source) == (None, 1.0, "")
    assert (taken.cost_us, taken.would_cost_us) == (10.0, None)


def test_the_chain_comes_through_json_and_an_old_plan_has_none() -> None:
    made = planner(chain(["Relu", "Erf"]), {"npu": fast("Erf"), "cpu": CPU}).plan({("Relu_0", "npu"): "it failed"})
    document = json.loads(json.dumps(made.to_json()))
    assert document["units"][0]["verdicts"]["npu"]["overruled"] == [
        {"source": "backend", "basis": "declared", "supported": True, "code": "ok", "reason": ""}
    ]
    assert Plan.from_json(document) == made
    for unit in document["units"]:
        for verdict in unit["verdicts"].values():
            for field in ("source", "overruled", "would_cost_us"):
                del verdict[field]
    old = Plan.from_json(document)
    assert [unit.backend for unit in old.units] == [unit.backend for unit in made.units]
    assert [one.source for one in old.units[0].verdicts["npu"].chain] == ["backend"]
