"""report: the backend describes itself truthfully, without a device and without side effects."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping

import attrs
import pytest

from zif.backends.options import describe_options
from zif.errors import UsageError, ZifError
from zif.model import Model
from zif.records import CODES, Capabilities
from zif.testing.networks import NETWORKS
from zif.testing.nodes import operators
from zif.testing.nodetests import NodeTest
from zif.testing.plugin import not_claimed
from zif.testing.subject import Subject
from zif.verdicts.declared import declared
from zif.verdicts.settle import deniable


def test_describes_itself(subject: Subject) -> None:
    """The record has the types that the contract says."""
    general = subject.general
    assert isinstance(general, Capabilities)
    assert general.processor in ("npu", "gpu", "cpu")
    assert general.kind in ("hardware", "emulator")
    assert 0 <= general.power_efficiency <= 1
    assert attrs.has(general.options), "options must be an attrs class"


def test_says_what_is_missing(subject: Subject) -> None:
    """Unavailable comes with one sentence, available with none."""
    if subject.general.available:
        assert subject.general.toolchain, "an available backend names its engine and version"
    else:
        assert len(subject.general.reason.split()) >= 3, "unavailable needs a sentence that says what to do"


def test_answers_twice_alike(subject: Subject) -> None:
    """Asking has no side effects on the answer."""
    assert subject.backend.capabilities(subject.target) == subject.backend.capabilities(subject.target)


def test_pickles(subject: Subject) -> None:
    """The record can cross a process boundary."""
    assert pickle.loads(pickle.dumps(subject.general)) == subject.general


def test_answers_before_the_deadline(subject: Subject) -> None:
    """A new interpreter imports the backend and hears what it is within ZIF_DEADLINE (10 s), or plans go without it."""
    code = (
        "import sys, zif, zif.backends.survey, zif.targets\n"
        "row = next(row for row in zif.installed() if row.name == sys.argv[1])\n"
        "zif.backends.survey.open_and_ask(row, zif.targets.target(sys.argv[2]), zif.backends.survey.deadline())\n"
    )
    arguments = [sys.executable, "-c", code, subject.backend.name, subject.target.name]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_answers_in_a_fresh_process(subject: Subject) -> None:
    """A new interpreter gets the same answer, in time and without writing to stdout of the host."""
    code = (
        "import sys, zif, zif.targets\n"
        "one = zif.backend(sys.argv[1]).capabilities(zif.targets.target(sys.argv[2]), deadline=60)\n"
        "print(one.kind, one.available)"
    )
    arguments = [sys.executable, "-c", code, subject.backend.name, subject.target.name]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [subject.general.kind, str(subject.general.available)]


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_gives_a_verdict_on_every_unit(device: Subject, make: object) -> None:
    """No unit is left out, and every refusal has a code and a sentence."""
    model = Model.load(make().model)  # type: ignore[operator]
    verdicts = device.verdicts(model)
    assert set(verdicts) == {unit.id for unit in model.units}
    for verdict in verdicts.values():
        assert verdict.code in CODES
        assert verdict.supported is True or (verdict.code != "ok" and verdict.reason)
        assert verdict.cost_us is None or verdict.cost_us >= 0


def test_refuses_what_it_does_not_know_by_name(device: Subject) -> None:
    """An operator of a domain that does not exist is refused with a sentence that names it."""
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Frobnicate", ["x"], ["y"], name="f", domain="com.example.nowhere")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example.nowhere", 1)]
    proto = helper.make_model(helper.make_graph([node], "g", value[:1], value[1:]), opset_imports=opsets, ir_version=9)
    assert isinstance(proto, onnx.ModelProto)
    verdict = device.verdicts(Model.load(proto))["f"]
    assert verdict.supported is not True
    assert "Frobnicate" in verdict.reason


def test_refuses_unknown_options(subject: Subject) -> None:
    """A key that is no option is refused, and the known ones are listed."""
    with pytest.raises(UsageError) as caught:
        subject.options(no_such_option_anywhere=1)
    for row in describe_options(subject.general.options):
        assert row["name"] in str(caught.value)


def test_options_have_help(subject: Subject) -> None:
    """Every option says what it does."""
    assert [row["name"] for row in describe_options(subject.general.options) if not row["help"]] == []


def test_impossible_values_are_refused(subject: Subject) -> None:
    """A value of no possible type is refused, for each option by its name."""
    for row in describe_options(subject.general.options):
        with pytest.raises(UsageError, match=row["name"]):
            subject.options(**{row["name"]: object()})


def test_table_and_verdicts_agree(device: Subject, node_tests: Mapping[str, list[NodeTest]]) -> None:
    """What is taken by declaration stands in the table of operators; what the table lists is not refused as unknown.

    A backend may leave the table empty, and may take more than it lists where it asked its engine ("probed").
    """
    table = device.general.ops
    if not table:
        not_claimed("a table of operators")
    listed = {claim.op_type for claim in table if claim.domain in ("", "*")}
    more, less = set(), set()
    for model in _single(node_tests):
        unit = model.units[0]
        verdict = device.verdicts(model)[unit.id]
        if verdict.supported and verdict.basis == "declared" and not listed & {unit.op_type, "*"}:
            more.add(unit.op_type)
        if deniable(verdict) and declared(model, table)[unit.id].supported:
            less.add(f"{unit.op_type} version {unit.since} ({verdict.reason})")
    assert sorted(more) == [], "these are taken by declaration, and are not in the table"
    assert sorted(less) == [], "these are in the table, and the verdict says that the backend does not have them"


def _single(node_tests: Mapping[str, list[NodeTest]]) -> Iterator[Model]:
    for test in (test for tests in node_tests.values() for test in tests):
        try:
            model = Model.load(test.model)
        except ZifError:
            continue
        if len(model.units) == 1 and len(model.units[0].nodes) == 1 and not model.units[0].domain:
            yield model


def test_claims_name_real_operators(subject: Subject) -> None:
    """A table of operators holds operators that ONNX defines, or such of another domain."""
    known = set(operators())
    wrong = [
        c.op_type for c in subject.general.ops if c.domain in ("", "ai.onnx.ml") and c.op_type not in {*known, "*"}
    ]
    assert wrong == []


def test_errors_are_ours(device: Subject) -> None:
    """What a backend raises on a model it refuses is a ZifError, never a bare exception of its engine."""
    from zif.testing.networks import perceptron

    model = Model.load(perceptron().model)
    artifact = device.compiled(model)
    broken = attrs.evolve(artifact, files=dict.fromkeys(artifact.files, b"not an artifact"))
    with pytest.raises(ZifError):
        device.backend.load(broken, device.options()).run(perceptron().inputs)
