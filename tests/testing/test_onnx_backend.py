"""ONNX's backend interface on zif: a fair sample of ONNX's node tests, and all 1,884 of them in the slow run.

The slow run writes out/node-tests.md: per operator how many tests are right and where they ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import zif
from attrs import field, frozen
from onnx import TensorProto, helper
from onnx.backend.base import Backend
from zif import onnx_backend
from zif.errors import InvalidInput, InvalidModel
from zif.model import Model
from zif.model.signatures import signature
from zif.testing.nodetests import NodeTest, node_tests

OUT = Path(__file__).parents[2] / "out"
BOTH = ("qnn_cpu", "reference")
#: Modules of node tests for the quick run: every kind of value, both backends, bodies, functions, old opsets.
SAMPLE = (
    *(
        "add",
        "bitcast",
        "cast",
        "celu",
        "constant",
        "convinteger",
        "dft",
        "equal",
        "gridsample",
        "hardswish",
        "if_",
        "loop",
    ),
    *(
        "maxunpool",
        "optionalhaselement",
        "rnn",
        "scan",
        "scatter",
        "sequence_map",
        "softmax",
        "string_split",
        "upsample",
    ),
    *("ai_onnx_ml.label_encoder", "adam", "flexattention", "swish"),
)


@frozen
class Row:
    """How one test ended, and the backends of its plan."""

    test: NodeTest = field(repr=False)
    outcome: str
    detail: str
    backends: str


def run(test: NodeTest) -> Row:
    try:
        rep = onnx_backend.prepare(test.model, only=BOTH)
    except zif.ZifError as error:
        return Row(test, "refused", str(error), "")
    with rep.session as session:
        names = [value.name for value in test.model.graph.output]
        order = [value.name for value in test.model.graph.input]
        outcome, detail = test.judge(
            lambda feeds: dict(zip(names, rep.run([feeds[n] for n in order if n in feeds]), strict=True))
        )
        return Row(test, outcome, detail, "+".join(session.plan.backends))


def right_alone(test: NodeTest, name: str) -> bool:
    """Whether one backend gets the test right when its verdicts are not asked."""
    backend, target = zif.backend(name), zif.target("host")
    options = backend.options({}, target)
    try:
        compiled = backend.compile(backend.convert(Model.load(test.model), target, options), target, options)
        executable = backend.load(compiled, options)
    except zif.ZifError:
        return False
    outcome, _ = test.judge(executable.run)
    executable.close()
    return outcome == "right"


def random(test: NodeTest) -> bool:
    """Whether the model draws numbers, so that no output can be foretold."""
    opsets = {item.domain: item.version for item in test.model.opset_import}
    known = (signature(node.op_type, node.domain, opsets.get(node.domain, 1)) for node in test.model.graph.node)
    return any(one is not None and "seed" in one.defaults for one in known)


def judged(rows: Sequence[Row]) -> list[str]:
    """What is not right although it could be, in words."""
    left = [row for row in rows if row.outcome != "right"]
    alone = {row.test.name: [name for name in BOTH if right_alone(row.test, name)] for row in left}
    return [
        f"{row.test.name}: {row.outcome}, {row.detail} (right on {alone[row.test.name]} alone)"
        for row in left
        if alone[row.test.name] or not random(row.test)
    ]


@pytest.mark.needs(opset=28)  # the tests of an older onnx expect a few wrong results themselves
def test_sample() -> None:
    rows = [run(test) for test in node_tests(SAMPLE)]
    assert len(rows) > 150
    assert judged(rows) == []
    assert {row.backends for row in rows} >= {"qnn_cpu", "reference"}


@pytest.mark.slow
def test_all() -> None:
    rows = [run(test) for test in node_tests()]
    write_table(rows)
    assert len(rows) == 1884
    assert sum(row.outcome == "right" for row in rows) >= 1868
    assert judged(rows) == []


@pytest.mark.slow
def test_as_onnx_runs_them() -> None:
    """The project's own runner on this interface, for some operators; it loads every test to do so."""
    import unittest

    from onnx.backend.test.runner import Runner

    suite = Runner(onnx_backend.ZifBackend, __name__)
    for pattern in ("test_(relu|conv_with|scan9|sequence_insert|cast_FLOAT_to|optional)", "test_adam"):
        suite.include(pattern)
    result = unittest.TestResult()
    suite.test_suite.run(result)
    assert result.testsRun > 50
    assert not [str(test) for test, _ in (*result.failures, *result.errors)]


def write_table(rows: Sequence[Row]) -> None:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        node = row.test.model.graph.node
        single = "_expanded" not in row.test.name and len(node)
        name = f"{node[-1].domain or 'ai.onnx'}:{node[-1].op_type}" if single else "functions, expanded"
        groups.setdefault(name, []).append(row)
    lines = [
        f"# ONNX's node tests through zif.onnx_backend (onnx {onnx.__version__})",
        "",
        f"{sum(row.outcome == 'right' for row in rows)} of {len(rows)} right, with {' and '.join(BOTH)}.",
        "",
        "| operator | tests | right | on | not right |",
        "|---|---|---|---|---|",
    ]
    for name, group in sorted(groups.items()):
        where = ", ".join(
            f"{place or 'no segment'} {count}" for place, count in Counter(r.backends for r in group).items()
        )
        left = "; ".join(f"{row.test.name}: {row.outcome}" for row in group if row.outcome != "right")
        lines.append(f"| {name} | {len(group)} | {sum(r.outcome == 'right' for r in group)} | {where} | {left} |")
    OUT.mkdir(exist_ok=True)
    (OUT / "node-tests.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def relu() -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


X = np.array([-1, 0, 2], np.float32)


def test_is_a_backend() -> None:
    assert issubclass(onnx_backend.ZifBackend, Backend)
    assert onnx_backend.is_compatible(relu())


@pytest.mark.parametrize("inputs", [[X], (X,), X, {"x": X}])
def test_inputs_by_position_or_name(inputs: object) -> None:
    (y,) = onnx_backend.run_model(relu(), inputs)
    np.testing.assert_array_equal(y, [0, 0, 2])


def test_too_many_inputs() -> None:
    with pytest.raises(InvalidInput, match="2 inputs were given, and the model takes 1: x"):
        onnx_backend.run_model(relu(), [X, X])


def test_devices() -> None:
    assert onnx_backend.supports_device("CPU")
    assert not onnx_backend.supports_device("CUDA")
    with pytest.raises(InvalidInput, match="'CUDA:1'"):
        onnx_backend.prepare(relu(), "CUDA:1")


def test_wishes_are_those_of_load() -> None:
    rep = onnx_backend.prepare(relu(), pin={"*": "reference"})
    assert rep.session.plan.backends == ("reference",)
    rep.session.close()


def test_run_node() -> None:
    node = helper.make_node("Split", ["x"], ["a", "b"], axis=0, num_outputs=2)
    outputs = onnx_backend.run_node(node, [np.arange(4, dtype=np.float32)])
    np.testing.assert_array_equal(outputs.a, [0, 1])  # type: ignore[attr-defined]
    np.testing.assert_array_equal(outputs[1], [2, 3])


def test_run_node_of_an_old_opset() -> None:
    node = helper.make_node("Softmax", ["x"], ["y"])
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    (y,) = onnx_backend.run_node(node, [x], outputs_info=[(np.float32, (2, 3, 4))], opset_version=11)
    np.testing.assert_allclose(y.reshape(2, -1).sum(1), 1, rtol=1e-6)  # before 13, from axis 1 on


def test_run_node_without_type() -> None:
    node = helper.make_node("Nothing", ["x"], ["y"], domain="com.example")
    with pytest.raises((InvalidModel, zif.Unsupported), match="Nothing"):
        onnx_backend.run_node(node, [X])
