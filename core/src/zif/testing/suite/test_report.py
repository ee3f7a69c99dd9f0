"""report: the backend describes itself truthfully, without a device and without side effects."""

from __future__ import annotations

import pickle
import subprocess
import sys

import attrs
import pytest

from zif.errors import UsageError, ZifError
from zif.model import Model
from zif.options import describe_options
from zif.records import CODES, Capabilities
from zif.testing.networks import NETWORKS
from zif.testing.nodes import operators
from zif.testing.subject import Subject


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
