"""Two plans side by side: what moved, the cause that is named, and what counts as a regression."""

from __future__ import annotations

import json
from typing import Any

import attrs
import zif
from planning.boards import CPU, Paper, chain, fast, planner
from zif.planning import PlanDiff, diff
from zif.report import diff_markdown

OPS = ["Relu", "Erf", "Relu", "Abs", "Relu"]


def plan(npu: Paper | None = None, cpu: Paper = CPU, model: Any = None, **request: Any) -> zif.Plan:
    return planner(model or chain(OPS), {"npu": npu or fast(), "cpu": cpu}, **request).plan()


def causes(found: PlanDiff) -> dict[str, str]:
    return {one.unit: one.cause for one in found.moved}


def test_a_plan_is_the_same_as_itself_read_back() -> None:
    made = plan()
    found = diff(made, zif.Plan.from_json(json.loads(json.dumps(made.to_json()))))
    assert found.same
    assert found.regressions == ()


def test_a_verdict_that_changed_is_named_with_its_sentence() -> None:
    found = diff(plan(), plan(fast("Erf")))
    moved = next(one for one in found.moved if one.unit == "Erf_1")
    assert (moved.before, moved.after, moved.cause) == ("npu", "cpu", "verdict")
    assert "npu does not take it any more [op, declared]: has no Erf" in moved.why
    (change,) = found.verdicts
    assert (change.backend, change.units, change.supported, change.code) == (
        "npu",
        ("Erf_1",),
        (True, False),
        ("ok", "op"),
    )
    back = diff(plan(fast("Erf")), plan())
    assert "npu takes it now" in next(one for one in back.moved if one.unit == "Erf_1").why


def test_a_refusal_explains_more_than_a_cost_that_changed_as_well() -> None:
    assert causes(diff(plan(), plan(fast("Erf"), Paper(12.0))))["Erf_1"] == "verdict"


def test_a_cost_that_changed_is_named_with_its_figures() -> None:
    found = diff(plan(), plan(fast(us=50.0)))
    assert set(causes(found).values()) == {"cost"}
    assert "npu: 1 µs → 50 µs" in found.moved[0].why
    assert {(one.backend, one.op_type, one.units) for one in found.costs} == {
        ("npu", "Relu", 3),
        ("npu", "Erf", 1),
        ("npu", "Abs", 1),
    }


def test_a_unit_that_moves_for_its_neighbours_says_so() -> None:
    """Between two units that left, one that stayed would be a segment of its own."""
    found = diff(plan(), plan(fast("Erf", "Abs", launch_us=8.0), CPU), threshold=None)
    assert causes(found)["Relu_2"] == "neighbours"


def test_a_pin_and_another_target_are_requests() -> None:
    assert causes(diff(plan(), plan(pin={"Abs_3": "cpu"})))["Abs_3"] == "request"
    assert "no longer pinned to cpu" in diff(plan(pin={"Abs_3": "cpu"}), plan()).moved[0].why
    other = plan(fast("Erf"), target="snapdragon-x-elite")
    why = next(one.why for one in diff(plan(), other).moved if one.unit == "Erf_1")
    assert why == "planned for another target: host → snapdragon-x-elite"


def test_a_backend_that_is_gone_is_the_reason() -> None:
    gone = planner(chain(OPS), {"cpu": CPU}).plan()
    found = diff(plan(), gone)
    assert set(causes(found).values()) == {"backend"}
    assert "npu takes no part any more: not installed" in found.moved[0].why
    assert [(one.backend, one.after) for one in found.backends] == [("npu", "not installed")]


def test_a_basis_and_a_version_that_changed_are_told_though_nothing_moved() -> None:
    found = diff(plan(), plan(fast(basis="probed", version="2.0")))
    assert found.moved == ()
    assert [(one.basis, len(one.units)) for one in found.verdicts] == [(("declared", "probed"), 5)]
    (backend,) = found.backends
    assert "1.0" in backend.before
    assert "2.0" in backend.after


def test_models_that_differ_a_little_are_compared_where_they_are_alike() -> None:
    longer = plan(model=chain([*OPS, "Neg"]))
    found = diff(plan(), longer)
    assert (found.added, found.removed) == (("Neg_5",), ())
    assert diff(longer, plan()).removed == ("Neg_5",)


def test_renamed_units_are_found_by_what_they_make() -> None:
    found = diff(plan(), plan(fast("Erf"), model=chain(OPS, rename="graph/")))
    assert (found.added, found.removed) == ((), ())
    assert next(one for one in found.moved if one.op_type == "Erf").unit == "graph/Erf_1"


def test_a_name_that_now_means_another_operator_is_another_unit() -> None:
    found = diff(plan(model=chain(["Relu"], lambda i, op: "u")), plan(model=chain(["Abs"], lambda i, op: "u")))
    assert (found.added, found.removed, found.moved) == (("u",), ("u",), ())


def test_what_the_policy_guards_is_held_against_the_threshold() -> None:
    before, after = plan(), plan(fast(us=1.3))
    assert "latency" in diff(before, after).regressions[0]
    assert diff(before, after, threshold=0.5).regressions == ()
    assert diff(before, after, threshold=None).regressions == ()
    assert diff(after, before).regressions == ()
    hungry = plan(fast(watts=2.0))
    assert diff(before, hungry).regressions == ()
    assert "energy" in diff(before, plan(fast(watts=2.0), policy="power")).regressions[0]


def test_exactly_the_threshold_is_allowed() -> None:
    before = plan()
    told = attrs.evolve(before.predicted, latency_us=before.predicted.latency_us * 1.05)
    assert diff(before, attrs.evolve(before, predicted=told), threshold=0.05 + 1e-9).regressions == ()
    assert diff(before, attrs.evolve(before, predicted=told), threshold=0.049).regressions


def test_markdown_keeps_hostile_names_as_text() -> None:
    evil = "a|b`c\n<img>"
    model = lambda: chain(["Relu"], lambda i, op: evil)  # noqa: E731
    text = diff_markdown(diff(plan(model=model()), plan(fast("Relu"), model=model())))
    assert "<img" not in text.replace("`a\\|b’c <img>`", "")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    widths = [line.replace("\\|", "").count("|") for line in tables]
    assert all(width > 2 for width in widths)
    assert "a\\|b’c <img>" in text


def test_a_plan_of_another_version_is_read() -> None:
    made = plan()
    data = json.loads(json.dumps(made.to_json()))
    del data["counterfactuals"]
    data["units"][0]["of_the_future"] = data["predicted"]["of_the_future"] = 1
    assert zif.Plan.from_json(data) == made
