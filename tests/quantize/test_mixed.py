"""Automatic mixed precision: the goal is met, with less than all at 16 bits, and all that is said was measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import zif
from hypothesis import given
from hypothesis import strategies as st
from transformer import sentences, transformer
from zif_quantize import calibrate, prepare
from zif_quantize.groups import groups
from zif_quantize.search.candidate import Candidate, frontier, table
from zif_quantize.search.goal import AccuracyGoal
from zif_quantize.search.mixed import Mixed, mixed_precision

DATA = sentences(16)
HELD_OUT = DATA[12:]


@pytest.fixture(scope="module")
def model() -> zif.Model:
    return prepare(transformer())


@pytest.fixture(scope="module")
def ranges(model: zif.Model) -> Any:
    return calibrate(model, DATA[:12])


def searched(model: zif.Model, ranges: Any, *goal: str, **options: Any) -> Mixed:
    return mixed_precision(model, ranges, HELD_OUT, AccuracyGoal.parse(goal), **options)


@pytest.fixture(scope="module")
def found(model: zif.Model, ranges: Any) -> Mixed:
    return searched(model, ranges, "SQNR=27")


def plain(proto: onnx.ModelProto) -> list[np.ndarray[Any, Any]]:
    """The outputs on ONNX Runtime without optimizations, asked by nobody but this test."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [session.run(["y"], feed)[0].astype(np.float64) for feed in HELD_OUT]


def uniform(found: Mixed, level: str) -> Candidate:
    return next(one for one in found.candidates if one.role == "uniform" and one.counts == {level: len(one.levels)})


def test_the_goal_is_met_with_few_units_at_16_bits(found: Mixed) -> None:
    """8 bits miss it, 16 meet it, and a quarter of the units at 16 bits is enough."""
    assert found.met
    assert uniform(found, "w8a8").sqnr_db < 27 <= found.chosen.sqnr_db
    assert uniform(found, "w8a16").sqnr_db >= 27
    assert 0 < found.chosen.counts["w8a16"] < len(found.chosen.levels) / 3
    assert found.chosen.cost < 0.6 * uniform(found, "w8a16").cost


def test_the_model_is_as_accurate_as_it_is_said_to_be(found: Mixed) -> None:
    exact, ours = plain(transformer()), plain(found.model)
    noise = sum(np.square(a - b).sum() for a, b in zip(exact, ours, strict=True))
    ratio = 10 * math.log10(sum(np.square(a).sum() for a in exact) / noise)
    assert ratio == pytest.approx(found.chosen.sqnr_db, abs=0.01)
    assert ratio >= 27


def test_the_model_has_the_precisions_that_are_told(found: Mixed) -> None:
    units = {unit.id: unit.precision for unit in zif.Model.load(found.model).units}
    for name, level in found.chosen.levels.items():
        assert units[name] == {"w8a8": "int8", "w8a16": "int16"}[level], name


def test_nothing_that_was_measured_is_cheaper_and_meets_the_goal(found: Mixed) -> None:
    assert not [one for one in found.candidates if one.met and one.cost < found.chosen.cost]
    assert [one.number for one in found.candidates] == list(range(1, len(found.candidates) + 1))
    mixes = [tuple(sorted(one.levels.items())) for one in found.candidates]
    assert len(set(mixes)) == len(mixes)


def test_the_sensitive_units_are_those_with_the_outliers(found: Mixed) -> None:
    """The residual stream carries the large channels: its additions are at 16 bits, the wide products are not."""
    high = {name for name, level in found.chosen.levels.items() if level == "w8a16"}
    assert any(name.endswith((".res1", ".res2")) for name in high)
    assert not any("down" in name or "up" in name for name in high)


@pytest.mark.parametrize("most", [3, 12, 20])
def test_no_more_is_measured_than_allowed(model: zif.Model, ranges: Any, most: int) -> None:
    found = searched(model, ranges, "SQNR=27", most=most)
    assert len(found.candidates) <= most
    assert found.met
    assert found.spent is (len(found.candidates) == most)


def test_a_goal_that_8_bits_meet_takes_8_bits(model: zif.Model, ranges: Any) -> None:
    found = searched(model, ranges, "SQNR=10")
    assert set(found.chosen.counts) == {"w8a8"}
    assert {one.role for one in found.candidates} == {"uniform"}


def test_a_goal_that_16_bits_miss_leaves_some_in_float(model: zif.Model, ranges: Any) -> None:
    found = searched(model, ranges, "SQNR=32", most=100)
    assert uniform(found, "w8a16").sqnr_db < 32 <= found.chosen.sqnr_db
    assert 0 < found.chosen.counts["float"] < len(found.chosen.levels) / 2


def test_a_goal_out_of_reach_gives_the_most_accurate(model: zif.Model, ranges: Any) -> None:
    found = searched(model, ranges, "SQNR=90", levels=("w8a8", "w8a16"))
    assert not found.met
    assert found.chosen == max(found.candidates, key=lambda one: one.sqnr_db)


@pytest.mark.slow
def test_a_metric_is_a_goal_too(model: zif.Model, ranges: Any) -> None:
    scale = float(np.abs(plain(transformer())[0]).max())

    def near(session: zif.Session) -> float:
        """One minus the largest relative error."""
        exact = plain(transformer())
        ours = [session.run(feed)["y"] for feed in HELD_OUT]
        return 1 - max(float(np.abs(a - b).max()) for a, b in zip(exact, ours, strict=True)) / scale

    found = searched(model, ranges, "metric=0.9", function=near)
    assert found.met
    assert uniform(found, "w8a8").metric < 0.9 <= found.chosen.metric
    assert found.chosen.cost < uniform(found, "w8a16").cost


def test_a_cheapest_precision_that_cannot_run_is_a_candidate_with_its_error(model: zif.Model, ranges: Any) -> None:
    def judged(session: zif.Session) -> float:
        if any(unit.precision == "int8" for unit in session.plan.units):
            raise zif.BackendCrashed("it died")
        return 1.0

    found = searched(model, ranges, "metric=1", function=judged, most=5)
    assert found.met
    assert uniform(found, "w8a8").error == "it died"
    assert uniform(found, "w8a8").to_json()["met"] is False


def test_a_metric_needs_its_function(model: zif.Model, ranges: Any) -> None:
    with pytest.raises(zif.UsageError, match="--eval"):
        searched(model, ranges, "metric=0.9")
    with pytest.raises(zif.UsageError, match="no samples"):
        mixed_precision(model, ranges, [], AccuracyGoal(27.0))
    with pytest.raises(zif.UsageError, match="take a target"):
        searched(model, ranges, "SQNR=27", cost="latency")


def test_groups_are_a_partition_of_what_can_be_quantized(model: zif.Model) -> None:
    whole = groups(model)
    units = [unit for group in whole for unit in group.units]
    assert sorted(units) == sorted({unit.id for unit in model.units})
    few = groups(model, 5)
    assert len(few) == 5
    assert sorted(unit for group in few for unit in group.units) == sorted(units)


@pytest.mark.parametrize(
    ("texts", "goal"),
    [
        (["SQNR=35"], (35.0, None)),
        (["sqnr>=35", "metric<=0.1"], (35.0, "at most 0.1")),
        (["metric=2"], (None, "at least 2")),
    ],
)
def test_goals_are_read(texts: list[str], goal: tuple[float | None, str | None]) -> None:
    read = AccuracyGoal.parse(texts)
    assert (read.sqnr_db, None if read.metric is None else str(read.metric)) == goal


@pytest.mark.parametrize("texts", [[], ["35"], ["SQNR<=35"], ["psnr=3"], ["SQNR=high"], ["SQNR=3", "SQNR=4"]])
def test_what_is_no_goal_is_refused(texts: list[str]) -> None:
    with pytest.raises(zif.UsageError, match="goal"):
        AccuracyGoal.parse(texts)


def candidate(number: int, cost: float, ratio: float, metric: float | None = None, error: str = "") -> Candidate:
    return Candidate(
        number, "search", "reference", {"u": "w8a8"}, cost, "us", {"y": ratio}, {"y": 1.0}, metric, error=error
    )


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(0, 60)), min_size=1, max_size=30))
def test_the_frontier_is_what_nothing_beats(pairs: list[tuple[float, float]]) -> None:
    rows = [candidate(number, *pair) for number, pair in enumerate(pairs)]
    kept = frontier(rows)
    points = {(one.cost, one.sqnr_db) for one in kept}
    for cost, ratio in pairs:
        beaten = any(c <= cost and r >= ratio and (c, r) != (cost, ratio) for c, r in pairs)
        assert ((cost, ratio) in points) is not beaten
    assert [one.cost for one in kept] == sorted({one.cost for one in kept})


def test_the_frontier_of_a_metric_where_less_is_better() -> None:
    rows = [candidate(1, 1, 0, 0.5), candidate(2, 2, 9, 0.6), candidate(3, 3, 0, 0.1), candidate(4, 1, 0, None)]
    assert [one.number for one in frontier(rows, True, True)] == [1, 3]
    assert [one.number for one in frontier(rows, True)] == [1, 2]


def test_what_failed_is_in_the_table_and_not_on_the_frontier() -> None:
    rows = [candidate(1, 5.0, 30.0), candidate(2, math.inf, 0.0, error='refused, "so"'), candidate(3, math.nan, 50.0)]
    assert [one.number for one in frontier(rows)] == [1]
    lines = table(rows, frontier(rows), ["w8a8", "w8a16"]).splitlines()
    assert lines[0].startswith("number,role,arithmetic,units_w8a8,units_w8a16,cost,cost_unit,sqnr_db")
    assert lines[1].startswith("1,search,reference,1,0,5,us,30,,0,1,")
    assert lines[2].endswith('"refused, ""so"""')
