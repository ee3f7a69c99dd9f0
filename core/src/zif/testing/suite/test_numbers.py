"""numbers: what is claimed is right, what is not claimed is refused by name, and nothing crashes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from zif.errors import BackendCrashed, Unsupported, ZifError
from zif.model import Model
from zif.testing.judge import TOLERANCE, difference, tolerance
from zif.testing.networks import answers, random_networks
from zif.testing.nodes import RANDOM, NodeTest, operators
from zif.testing.plugin import not_claimed
from zif.testing.subject import Subject


@pytest.mark.parametrize("operator", operators())
def test_operator(device: Subject, node_tests: dict[str, list[NodeTest]], operator: str) -> None:
    """Every ONNX node test of the operator that the backend claims gives ONNX's own answer."""
    tests = node_tests.get(operator, [])
    outcomes = {test.name: judged(device, test) for test in tests}
    device.observed.extend({"test": name, "operator": operator, "outcome": word} for name, word in outcomes.items())
    wrong = {name: word for name, word in outcomes.items() if word not in ("right", "not claimed")}
    assert not wrong, "; ".join(f"{name}: {word}" for name, word in wrong.items())
    if not any(word == "right" for word in outcomes.values()):
        not_claimed(operator if tests else f"{operator} (ONNX has no test with data)")


def judged(subject: Subject, test: NodeTest) -> str:
    """ "right", "not claimed", or what went wrong."""
    try:
        model = Model.load(test.model)
    except ZifError:
        return "not claimed"  # a model that core itself refuses is nobody's claim
    if not subject.claims(model):
        return "not claimed"
    try:
        outputs = subject.run(model, test.inputs)
    except BackendCrashed as error:
        return f"crashed: {error}"
    except ZifError as error:
        return f"claimed, but {error}"
    return _compared(subject, test, outputs) or "right"


def _compared(subject: Subject, test: NodeTest, outputs: Any) -> str:
    missing = [name for name in test.outputs if name not in outputs]
    if missing:
        return f"output {missing[0]!r} is missing"
    if test.op_type in RANDOM:
        return ""
    for name, want in test.outputs.items():
        rtol, atol = _tolerance(subject, test, want)
        told = difference(outputs[name], want, rtol, atol)
        if told:
            return f"output {name!r}: {told}"
    return ""


def _tolerance(subject: Subject, test: NodeTest, want: Any) -> tuple[float, float]:
    """ONNX's own tolerance, widened for a backend that computes floats below fp32."""
    kind = getattr(getattr(want, "dtype", None), "kind", "O")
    if kind != "f" or subject.general.preferred_precision == "fp32":
        return test.rtol, test.atol
    rtol, atol = tolerance(want.dtype, subject.general.preferred_precision)
    return max(rtol, test.rtol), max(atol, test.atol)


def test_what_is_refused_is_refused_again(device: Subject, node_tests: dict[str, list[NodeTest]]) -> None:
    """A unit that the verdict refuses does not quietly compute when it is built all the same.

    It may raise Unsupported, or another of our errors; what it must not do is answer wrongly.
    """
    for tests in node_tests.values():
        test = tests[0]
        try:
            model = Model.load(test.model)
        except ZifError:
            continue
        verdicts = device.verdicts(model)
        if len(model.units) != 1 or any(verdict.supported is not False for verdict in verdicts.values()):
            continue
        refused = next(iter(verdicts.values()))
        if refused.basis == "observed" or test.op_type in RANDOM:
            continue  # refused because it was seen to be wrong: it may well still be
        try:
            outputs = device.run(model, test.inputs)
        except (Unsupported, ZifError):
            continue
        assert _compared(device, test, outputs) == "", (
            f"{test.name} was refused ({refused.reason}) and yet computed wrongly"
        )


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
