"""Which nodes are rewritten before the compiler sees them, and what is said of those that cannot be helped."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from attrs import frozen
from onnx import helper, parser
from qnn_htp.beside import PINNED, made, worst
from zif import Target
from zif.model import Model
from zif_qnn_htp import graph


@frozen(eq=False)
class Built:
    graph: graph.QnnGraph
    wild: dict[str, str]


def built(text: str, opset: int = 17) -> Built:
    wild: dict[str, str] = {}
    model = Model.load(parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {text}'))
    return Built(graph.build(model, wild=wild), wild)


def operators(made: Built) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(made.graph.data).graph.node]


def power(exponent: str) -> Built:
    return built(f"g (float[2, 3] x) => (float[2, 3] y) <float p = {{{exponent}}}> {{ y = Pow(x, p) }}")


@pytest.mark.parametrize(
    ("exponent", "becomes"),
    [
        ("2", ["Mul"]),
        ("0.5", ["Sqrt"]),
        ("1", ["Identity"]),
        ("3", ["Pow"]),
        ("-2", ["Pow"]),
        ("1.5", ["Abs", "Pow"]),
        ("8", ["Abs", "Max", "Pow"]),
    ],
)
def test_a_power_by_its_exponent(exponent: str, becomes: list[str]) -> None:
    made = power(exponent)
    assert operators(made) == becomes
    assert not made.wild
    onnx.checker.check_model(onnx.load_from_string(made.graph.data), full_check=True)


@pytest.mark.parametrize("exponent", ["0", "7", "-7", "-8.5"])
def test_a_power_that_cannot_be_helped(exponent: str) -> None:
    assert len(power(exponent).wild) == 1


def test_every_added_node_belongs_to_its_unit() -> None:
    made = built("g (float[2, 3] x) => (float[2, 3] y) { e = Exp(x) y = Softplus(e) }")
    assert operators(made) == ["Max", "Exp", "Relu", "Abs", "Sigmoid", "Log", "Sub"]
    nodes = onnx.load_from_string(made.graph.data).graph.node
    units = [made.graph.owners[node.name][0] for node in nodes]
    assert units[0] == units[1] != units[2]
    assert len(set(units[2:])) == 1


def test_scalars_stay_scalars() -> None:
    made = built("g (float x) => (float y) { y = Exp(x) }")
    onnx.checker.check_model(onnx.load_from_string(made.graph.data), full_check=True)


def test_quantized_groups_stay_as_they_are() -> None:
    made = built(
        "g (uint8[2, 3] x) => (uint8[2, 3] y) <float s = {0.1}, uint8 z = {128}>"
        " { d = DequantizeLinear(x, s, z) e = Exp(d) y = QuantizeLinear(e, s, z) }"
    )
    assert operators(made) == ["DequantizeLinear", "Exp", "QuantizeLinear"]


def test_a_bound_within_a_quantized_group_of_an_old_opset_is_named() -> None:
    made = built(
        "g (uint8[2, 3] x) => (uint8[2, 3] y) <float s = {0.1}, uint8 z = {128}>"
        " { d = DequantizeLinear(x, s, z) e = Clip <min = 0.0, max = 6.0> (d) y = QuantizeLinear(e, s, z) }",
        opset=10,
    )
    assert ["opset 11" in reason for reason in made.wild.values()] == [True]


@pytest.mark.usefixtures("htp")
def test_what_cannot_be_helped_goes_elsewhere_and_says_why(chip: Target) -> None:
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[2, 3] x) => (float[2, 3] y) { y = LogSoftmax(x) }'
    plan = zif.plan(parser.parse_model(text), target=chip.name)
    verdict = plan.units[0].verdicts["qnn_htp"]
    assert (plan.units[0].backend, verdict.code, verdict.basis) == ("qnn_cpu", "observed-wrong", "observed")
    assert "off by up to 90" in verdict.reason


@pytest.mark.usefixtures("htp")
def test_an_opset_before_the_providers_first_is_refused_with_it(chip: Target) -> None:
    text = '<ir_version: 3, opset_import: ["": 6]> g (float[2, 3] x) => (float[2, 3] y) { y = Relu(x) }'
    verdict = zif.plan(parser.parse_model(text), target=chip.name).units[0].verdicts["qnn_htp"]
    assert (verdict.supported, verdict.code) == (False, "opset")


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("operator", ["Add", "Sub"])
@pytest.mark.parametrize("shape", [(1, 2, 3, 4), (2, 1, 2, 3, 4)])
def test_nothing_is_added(operator: str, shape: tuple[int, ...]) -> None:
    feed = {"x": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node(operator, ["r", "zeros"], ["y"], "nothing"),
    ]
    assert worst(made(nodes, feed, ["y"], {"zeros": np.zeros(shape, np.float32)}), feed, **PINNED) > 60
