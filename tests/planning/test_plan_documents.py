"""Plans from strangers: every field of another type is a sentence with its place, and none is met later."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
import zif
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import ODD, damaged, places, value_at, with_value
from planning.boards import CPU, chain, fast, planner
from zif.errors import InvalidBundle, InvalidInput
from zif.planning.changes.difference import diff
from zif.report.markdown import diff_markdown


@cache
def document() -> dict[str, Any]:
    boards = {"npu": fast("Relu"), "cpu": CPU}
    made = planner(chain(["Relu", "Erf", "Relu"]), boards).plan({("Relu_0", "npu"): "it failed"})
    return json.loads(json.dumps(made.to_json()))


@pytest.mark.parametrize("path", sorted(places(document()), key=repr), ids=str)
def test_no_value_of_another_type_comes_through(path: tuple[Any, ...]) -> None:
    """What the reader lets through, everything after it can work with."""
    whole = zif.Plan.from_json(document())
    for odd in ODD:
        if type(odd) is type(value_at(document(), path)):
            continue
        with suppress(InvalidInput):
            made = zif.Plan.from_json(with_value(document(), path, odd))
            diff_markdown(diff(whole, made))
            diff(made, whole).to_json()
            json.dumps(made.to_json())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_plan_is_one_or_is_refused(data: st.DataObject) -> None:
    whole = zif.Plan.from_json(document())
    with suppress(InvalidInput):
        made = zif.Plan.from_json(data.draw(damaged(document())))
        diff_markdown(diff(whole, made))
        diff_markdown(diff(made, whole))


def test_the_caller_says_what_is_raised() -> None:
    with pytest.raises(InvalidBundle, match=r"here: predicted.latency_us must be a number, is the text 'x'"):
        zif.Plan.from_json(with_value(document(), ("predicted", "latency_us"), "x"), "here", InvalidBundle)
    with pytest.raises(InvalidInput, match="the plan: schema is null, not 'zif.plan/1'"):
        zif.Plan.from_json([])
    with pytest.raises(InvalidInput, match="constraints: memory_limit must be an object"):
        zif.Plan.from_json(with_value(document(), ("constraints",), {"memory_limit": 5}))
    with pytest.raises(InvalidInput, match="the unit 'Relu_0' is of segment 7, which is not there"):
        zif.Plan.from_json(with_value(document(), ("units", 0, "segment"), 7))
    with pytest.raises(InvalidInput, match="the unit 'Relu_0' has no verdict of '', where it runs"):
        zif.Plan.from_json(with_value(document(), ("units", 0, "backend"), ""))
    with pytest.raises(InvalidInput, match="two segments have one id"):
        zif.Plan.from_json(with_value(document(), ("segments",), document()["segments"] * 2))
