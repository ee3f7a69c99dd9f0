"""The public verbs share their arguments: what shapes a plan is declared by `load`, and the others take it by name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import zif
from small import classifier
from zif.runtime.planners import planner
from zif.runtime.refusals import WISHES
from zif.runtime.verbs import load


def test_what_shapes_a_plan_is_declared_by_load() -> None:
    assert set(WISHES) <= inspect.signature(load).parameters.keys()


@pytest.mark.parametrize("verb", [zif.plan, planner])
def test_an_argument_that_nobody_takes_is_told_as_python_does(verb: Any, tmp_path: Path) -> None:
    model = classifier(tmp_path / "m.onnx")
    with pytest.raises(TypeError, match="unexpected keyword argument 'onlly'"):
        verb(model, onlly="reference")


def test_every_wish_reaches_the_request(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"qnn_cpu": {"num_threads": 1}}')
    made = planner(
        classifier(tmp_path / "m.onnx"),
        shapes={},
        pin={"*": "qnn_cpu"},
        only="qnn_cpu",
        exclude=["reference"],
        strict=True,
        emulate=True,
        config=config,
        constraints={"min_precision": "fp32"},
    ).request
    assert (made.pin, made.only, made.exclude) == ({"*": "qnn_cpu"}, ("qnn_cpu",), ("reference",))
    assert (made.strict, made.emulate, made.config) == (True, True, {"qnn_cpu": {"num_threads": 1}})
    assert made.constraints
