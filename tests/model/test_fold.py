"""Shapes that a graph computes for itself: known when its inputs are fixed, and gone from what is placed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from model.graphs import model
from onnx import numpy_helper
from strategies import run_whole
from zif.model import Model, load

FLATTEN = """g (float[N, 3, 4] x) => (float[A, B] y) {
    s = Shape(x) zero = Constant<value = int64 {0}>() n = Gather(s, zero) axes = Constant<value = int64[1] {0}>()
    nn = Unsqueeze(n, axes) f = Cast<to = 1>(nn) two = Constant<value = float[1] {2.0}>() d = Div(f, two)
    u = Ceil(d) i = Cast<to = 7>(u) m = Constant<value = int64[1] {-1}>() t = Concat<axis = 0>(i, m)
    r = Relu(x) y = Reshape(r, t) }"""


def kinds(loaded: Model) -> list[str]:
    return [unit.op_type for unit in loaded.units]


def test_arithmetic_on_shapes_is_computed_when_inputs_are_fixed() -> None:
    loaded = load(model(FLATTEN), {"x": [4, 3, 4]})
    assert loaded.outputs[0].shape == (2, 24)
    assert kinds(loaded) == ["Relu", "Reshape"]
    onnx.checker.check_model(loaded.proto, full_check=True)


def test_and_stays_when_they_are_not() -> None:
    loaded = load(model(FLATTEN))
    assert kinds(loaded)[0] == "Shape"
    assert len(loaded.units) == 10


def test_folding_changes_no_result() -> None:
    x = np.random.default_rng(0).standard_normal((6, 3, 4)).astype(np.float32)
    expected = run_whole(model(FLATTEN), {"x": x})["y"]
    for shapes in ({}, {"x": [6, 3, 4]}):
        np.testing.assert_array_equal(run_whole(load(model(FLATTEN), shapes).proto, {"x": x})["y"], expected)


def test_what_the_graph_gives_out_is_not_folded() -> None:
    loaded = load(model("g (float[2, 3] x) => (int64[2] s) { s = Shape(x) }"))
    assert kinds(loaded) == ["Shape"]


def test_what_only_fed_a_folded_node_goes_too() -> None:
    loaded = load(model("g (float[2, 3] x) => (float[6] y) { a = Exp(x) s = Size(a) v = Reshape(x, k) y = Mul(v, f) "
                        "f = Cast<to = 1>(s) k = Constant<value = int64[1] {-1}>() }"))  # fmt: skip
    assert kinds(loaded) == ["Reshape", "Mul"]


def test_what_nobody_read_before_stays() -> None:
    assert kinds(load(model("g (float[2] x) => (float[2] y) { dead = Exp(x) y = Relu(x) }"))) == ["Exp", "Relu"]


def test_inexact_float_arithmetic_is_left_to_the_engine() -> None:
    """Two engines may round an exponential differently; the result must be that of the one that runs."""
    loaded = load(
        model("g (float[2] x) => (float[2] y) { k = Constant<value = float[1] {1.5}>() e = Exp(k) y = Mul(x, e) }")
    )
    assert kinds(loaded) == ["Exp", "Mul"]
    exact = load(
        model("g (float[2] x) => (float[2] y) { k = Constant<value = float[1] {1.5}>() e = Sqrt(k) y = Mul(x, e) }")
    )
    assert kinds(exact) == ["Mul"]
    root = exact.array(exact.units[0].weights[0])
    assert root == np.sqrt(np.float32(1.5))


def test_random_numbers_are_not_constants() -> None:
    loaded = load(model("g (float[2] x) => (float[2] y) { k = RandomNormal<shape = [2]>() y = Mul(x, k) }"))
    assert kinds(loaded) == ["RandomNormal", "Mul"]


def test_and_neither_are_shapes_made_of_them() -> None:
    proto = model("g (float[64] x) => (float[] y) { k = RandomUniform<shape = [2], low = 1.0, high = 9.0>() "
                  "i = Cast<to = 7>(k) c = ConstantOfShape(i) y = Add(c, x) }")  # fmt: skip
    loaded = load(proto)
    assert kinds(loaded) == ["RandomUniform", "Cast", "ConstantOfShape", "Add"]
    assert not loaded.tensors["c"].static


def test_what_was_declared_is_not_lost_when_more_becomes_known() -> None:
    proto = model("g (float[6, N] x) => (float[A, B, C] y) <float[2, 3, 5] r> "
                  "{ s = Shape(x) d = Gather(s, zero) h = Div(d, two) t = Concat<axis = 0>(h, h, h) r = Reshape(x, j) "
                  "y = Expand(r, t) }")  # fmt: skip
    for name, value in {"zero": [0], "two": [2], "j": [2, 3, -1]}.items():
        proto.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    assert load(proto).tensors["r"].shape == (2, 3, 5)


def test_defaults_of_inputs_are_not_constants() -> None:
    proto = model("g (float[6] x, int64[2] k) => (float[] y) { m = Identity(k) y = Reshape(x, m) }")
    proto.graph.initializer.append(numpy_helper.from_array(np.array([2, 3]), "k"))
    assert kinds(load(proto)) == ["Identity", "Reshape"]


def test_large_constants_are_left_alone() -> None:
    proto = model("g (float[1] x) => (float[50, 50] y) { k = Constant<value = int64[2] {50, 50}>() "
                  "c = ConstantOfShape(k) y = Add(x, c) }")  # fmt: skip
    assert kinds(load(proto)) == ["ConstantOfShape", "Add"]


def test_initializers_that_only_folded_nodes_read_are_dropped() -> None:
    loaded = load(model(FLATTEN), {"x": [4, 3, 4]})
    assert len(loaded.proto.graph.initializer) == 1
    assert loaded.units[1].weights == ("t",)


@pytest.mark.parametrize(("a", "b"), [(-7, 2), (7, -2), (-7, -2), (7, 2)])
def test_integers_divide_as_engines_do(a: int, b: int) -> None:
    proto = model("g (float[1] x) => (int64[1] y) { d = Div(a, b) o = Shape(x) y = Add(d, o) }")
    proto.graph.initializer.extend(numpy_helper.from_array(np.array([v]), k) for k, v in (("a", a), ("b", b)))
    x = np.zeros(1, np.float32)
    expected = run_whole(proto, {"x": x})["y"]
    loaded = load(proto)
    assert len(loaded.units) == 1
    np.testing.assert_array_equal(run_whole(loaded.proto, {"x": x})["y"], expected)
