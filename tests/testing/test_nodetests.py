"""ONNX's node tests as zif judges them: right, wrong, imprecise or failed, and the cases that come of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import zif
from onnx.reference import ReferenceEvaluator
from zif.errors import UsageError
from zif.testing.nodetests import NodeTest, node_tests, observe


def one(name: str, module: str) -> NodeTest:
    return next(test for test in node_tests([module]) if test.name == name)


@pytest.fixture(scope="module")
def softsign() -> NodeTest:
    return one("test_softsign", "softsign")


def by_evaluator(test: NodeTest) -> Any:
    evaluator = ReferenceEvaluator(test.model)
    names = [value.name for value in test.model.graph.output]
    return lambda feeds: dict(zip(names, evaluator.run(names, feeds), strict=True))


def bent(test: NodeTest, bend: Any) -> Any:
    run = by_evaluator(test)
    return lambda feeds: {name: bend(value) for name, value in run(feeds).items()}


def test_right(softsign: NodeTest) -> None:
    assert softsign.judge(by_evaluator(softsign)) == ("right", "")


def test_wrong_says_by_how_much(softsign: NodeTest) -> None:
    outcome, detail = softsign.judge(bent(softsign, lambda y: y + np.float32(0.25)))
    assert outcome == "wrong"
    assert detail.startswith("off by 0.25 where values reach 0.")


@pytest.mark.parametrize("bend", [lambda y: y[:1], lambda y: y.astype(np.float64), lambda y: y * np.float32("nan")])
def test_wrong_shape_type_or_nan(softsign: NodeTest, bend: Any) -> None:
    assert softsign.judge(bent(softsign, bend))[0] == "wrong"


def test_imprecise(softsign: NodeTest) -> None:
    """Outside ONNX's tolerance of 1e-3 of each value, but within 1e-3 of the largest."""
    assert softsign.judge(bent(softsign, lambda y: y + np.float32(4e-4)))[0] in ("right", "imprecise")
    small = lambda y: np.where(np.abs(y) == np.abs(y).min(), y * np.float32(1.01), y)  # noqa: E731
    assert softsign.judge(bent(softsign, small))[0] == "imprecise"


def test_error_is_one_line_without_paths(softsign: NodeTest) -> None:
    def run(feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        raise RuntimeError(f"first\nsecond /somewhere/else/kernel.cc:12 {'x' * 500} the end")

    outcome, detail = softsign.judge(run)
    assert outcome == "error"
    assert "\n" not in detail
    assert "first second kernel.cc:12" in detail
    assert detail.endswith("the end")
    assert len(detail) < 250


def test_missing_output_is_an_error(softsign: NodeTest) -> None:
    assert softsign.judge(lambda feeds: {})[0] == "error"


def test_sequences_of_scalars_can_be_judged() -> None:
    test = one("test_loop16_seq_none", "loop")
    assert test.judge(by_evaluator(test)) == ("right", "")


def test_data_protos_become_values() -> None:
    inputs, _ = one("test_optional_has_element_empty_optional_input", "optionalhaselement").data[0]
    assert inputs == (None,)


def test_unknown_module() -> None:
    with pytest.raises(UsageError, match=r"no module of node tests 'softsine'; it has .*softsign"):
        node_tests(["softsine"])


def test_cases_of_a_backend() -> None:
    tests = [*node_tests(["softsign"]), *node_tests(["dft"])]
    cases = {case.name: case for case in observe(zif.backend("qnn_cpu"), zif.target("host"), tests)}
    assert cases["test_softsign_example"].outcome == "right"
    assert cases["test_softsign_example"].op_type == "Softsign"
    dft = cases["test_dft_inverse"]  # a spectrum that reaches 54: beside that, ONNX's tolerance of 1e-7 is noise
    assert (dft.outcome, dft.op_type) == ("right", "DFT")
    assert "inverse=1" in dft.facts


def test_what_a_backend_does_not_promise_is_no_case() -> None:
    cases = observe(zif.backend("qnn_cpu"), zif.target("host"), node_tests(["adagrad"]))
    assert list(cases) == []
