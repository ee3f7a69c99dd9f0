"""numbers: what is claimed is right, what is not claimed is refused by name, and nothing crashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from zif.errors import ZifError
from zif.model import Model
from zif.testing.networks import answers, random_networks
from zif.testing.node_results import Ending, brief, compared, ending
from zif.testing.nodes import operators
from zif.testing.nodetests import NodeTest
from zif.testing.plugin import not_claimed
from zif.testing.subject import Subject
from zif.testing.tolerance import TOLERANCE, difference


@pytest.mark.parametrize("operator", operators())
def test_operator(
    device: Subject,
    node_tests: Mapping[str, list[NodeTest]],
    operator: str,
    record_property: Callable[[str, Any], None],
) -> None:
    """Every ONNX node test of the operator that the backend claims gives ONNX's own answer."""
    tests = node_tests.get(operator, [])
    endings: dict[str, Ending] = {test.name: ending(device, test) for test in tests}
    for name, end in endings.items():
        told = {"dtype": end.dtype, "kept_off": end.kept_off, "why": end.detail[:300]}
        record_property("ending", {"test": name, "operator": operator, "outcome": end.outcome, **told})
    if not all(ending.fine for ending in endings.values()):
        pytest.fail(brief(endings), pytrace=False)
    if not any(ending.outcome == "right" for ending in endings.values()):
        not_claimed(operator if tests else f"{operator} (ONNX has no test with data)")


def test_what_is_refused_is_refused_again(device: Subject, node_tests: Mapping[str, list[NodeTest]]) -> None:
    """A unit that the verdict refuses does not quietly compute when it is built all the same.

    It may raise Unsupported, or another of our errors; what it must not do is answer wrongly.
    """
    for test in (tests[0] for tests in node_tests.values() if tests):
        try:
            model = Model.load(test.model)
        except ZifError:
            continue
        refused = next(iter(device.verdicts(model).values()), None)
        if len(model.units) != 1 or refused is None or refused.supported is not False:
            continue
        if refused.basis == "observed":
            continue  # refused because it was seen to be wrong: it may well still be
        inputs, outputs = test.data[0]
        try:
            results = device.run(model, test.feeds(inputs))
        except ZifError:
            continue
        names = [value.name for value in test.model.graph.output if value.name in results]
        want = dict(zip(names, outputs, strict=False))
        told = compared(device, test, test.feeds(inputs), want, results)
        assert told == "", f"{test.name} was refused ({refused.reason}) and yet computed wrongly"


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(case=random_networks())
def test_random_networks(device: Subject, case: Any) -> None:
    """Random DAGs of simple operators agree with the reference."""
    proto, inputs = case
    model = Model.load(proto)
    if not device.claims(model):
        return
    want = answers(proto, inputs)
    outputs = device.run(model, inputs)
    rtol, atol = TOLERANCE.get(device.general.preferred_precision, TOLERANCE["fp32"])
    for name, value in want.items():
        scale = max(1.0, float(abs(value).max(initial=0.0)))
        assert difference(outputs[name], value, rtol, atol * scale) == ""
