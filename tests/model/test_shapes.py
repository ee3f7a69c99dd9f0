"""Fixing symbolic dimensions, and dimensions that no file should have."""

from __future__ import annotations

import numpy as np
import pytest
from model.graphs import model, relu
from onnx import TensorProto, helper
from zif.errors import InvalidModel, UsageError
from zif.model import load

TWO = """g (float[N, C] x, float[N, 4] z) => (float[N, M] y, float[N, N] s) <float[N, C] h> {
    h = Relu(x) t = Transpose(z) s = MatMul(z, t) y = Concat<axis = 1>(h, z) }"""


def test_symbols_are_replaced_everywhere() -> None:
    loaded = load(model(TWO), {"x": [2, 3]})
    assert [value.shape for value in loaded.inputs] == [(2, 3), (2, 4)]
    assert [value.shape for value in loaded.outputs] == [(2, 7), (2, 2)]
    assert loaded.tensors["h"].shape == (2, 3)
    assert [dim.dim_value for dim in loaded.proto.graph.input[1].type.tensor_type.shape.dim] == [2, 4]


def test_symbols_inside_bodies_are_replaced() -> None:
    loaded = load(
        model(
            """g (float[N] x, bool c) => (float[N] y) {
            y = If(c) <then_branch = t () => (float[N] p) { p = Relu(x) },
                       else_branch = e () => (float[N] q) { q = Neg(x) }> }"""
        ),
        {"x": [5]},
    )
    body = loaded.proto.graph.node[0].attribute[0].g
    assert body.output[0].type.tensor_type.shape.dim[0].dim_value == 5
    assert loaded.outputs[0].shape == (5,)


def test_without_shapes_symbols_stay() -> None:
    loaded = load(model(TWO))
    assert loaded.inputs[0].shape == ("N", "C")
    assert not loaded.inputs[0].static


def test_numpy_numbers_and_zero_and_a_second_step_will_do() -> None:
    loaded = load(relu(["N", None]), {"x": [np.int64(2), 0]})
    assert loaded.inputs[0].shape == (2, 0)
    later = load(load(relu(["N", 4])), {"x": [7, 4]})
    assert later.outputs[0].shape == (7, 4)


def test_an_input_of_unknown_rank_takes_any_shape() -> None:
    assert load(relu(None), {"x": [2, 3]}).outputs[0].shape == (2, 3)
    assert load(relu(None), {"x": []}).outputs[0].shape == ()


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"q": [1]}, r"no input 'q'; its inputs are 'x' \[N, C\], 'z' \[N, 4\]"),
        ({"x": [1, 2, 3]}, "rank 2.*rank 3"),
        ({"z": [1, 5]}, "dimension 1 of the input 'z' is fixed to 4, not 5"),
        ({"x": [1, 2], "z": [3, 4]}, "'N' is 1 in the input 'x', 3 in 'z'"),
        ({"x": [-1, 2]}, "-1"),
        ({"x": [float("nan"), 2]}, "nan"),
        ({"x": [1.0, 2]}, r"1\.0"),
        ({"x": [True, 2]}, "True"),
        ({"x": ["N", 2]}, "'N'"),
        ({"x": "12"}, "list of whole numbers"),
        ({"x": 12}, "list of whole numbers"),
        ({"x": [2**70, 2]}, str(2**70)),
    ],
)
def test_wrong_shapes_say_what_is_wrong(shapes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load(model(TWO), shapes)  # type: ignore[arg-type]


def test_an_input_that_is_no_tensor_has_no_shape() -> None:
    proto = model("g (seq(float[N]) x) => (float[M] y) { y = ConcatFromSequence<axis = 0>(x) }")
    with pytest.raises(UsageError, match="no tensor"):
        load(proto, {"x": [1]})


def test_minus_one_means_unknown() -> None:
    """Some exporters write it; ONNX Runtime takes it for unknown, too."""
    loaded = load(relu([-1, 4]))
    assert loaded.inputs[0].shape == (None, 4)
    assert not loaded.proto.graph.input[0].type.tensor_type.shape.dim[0].HasField("dim_value")
    assert load(relu([-1, 4]), {"x": [2, 4]}).inputs[0].shape == (2, 4)


def test_other_negative_dimensions_are_refused() -> None:
    with pytest.raises(InvalidModel, match="dimension 0 of the value 'x' is -3"):
        load(relu([-3, 4]))
    proto = relu([4])
    proto.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[2, -4]))
    with pytest.raises(InvalidModel, match=r"'w' is invalid: it has the dimensions \[2, -4\]"):
        load(proto)


@pytest.mark.parametrize("name", ["-1", "?"])
def test_dimensions_that_are_only_called_unknown_are_not_the_same_one(name: str) -> None:
    proto = relu([name, name])
    assert load(proto).inputs[0].shape == (None, None)
    assert load(proto, {"x": [3, 4]}).outputs[0].shape == (3, 4)


def test_inference_runs_again_on_fixed_shapes() -> None:
    proto = model("g (float[N, 4] x) => (float[A, B] y) { s = Shape(x) d = Div(s, two) y = Expand(one, d) }")
    proto.graph.initializer.extend(
        [helper.make_tensor("two", TensorProto.INT64, [1], [2]), helper.make_tensor("one", TensorProto.FLOAT, [1], [1])]
    )
    assert not load(proto).outputs[0].static
    assert load(proto, {"x": [6, 4]}).outputs[0].shape == (3, 2)


@pytest.mark.parametrize("dims", [[5] * 65, [2**40, 2**40], [0, 2**40, 2**40]], ids=["rank", "elements", "and none"])
def test_a_tensor_that_cannot_be_is_refused(dims: list[int]) -> None:
    """Its elements were beyond a float where costs are counted."""
    with pytest.raises(InvalidModel, match="the value '[xy]' would have .*, which no tensor has"):
        load(relu(dims))


def test_one_that_inference_makes_is_refused() -> None:
    proto = model("g (float[4] x) => (float[A, B] y) { y = Expand(x, d) }")
    proto.graph.initializer.append(helper.make_tensor("d", TensorProto.INT64, [2], [2**61, 4]))
    with pytest.raises(
        InvalidModel, match=r"node '\w+' \(Expand\) is invalid: its output 'y' would have the dimensions"
    ):
        load(proto)


def test_one_in_a_body_is_refused() -> None:
    inner = [helper.make_node("Relu", ["x"], ["b"]), helper.make_node("Size", ["b"], ["s"])]
    kept = [helper.make_tensor_value_info("b", TensorProto.FLOAT, [2**40, 2**40])]
    out = [helper.make_tensor_value_info("s", TensorProto.INT64, [])]
    body = helper.make_graph(inner, "body", [], out, value_info=kept)
    proto = model("g (bool c, float x) => (int64 y) { y = If (c) }")
    for name in ("then_branch", "else_branch"):
        proto.graph.node[0].attribute.append(helper.make_attribute(name, body))
    proto.graph.input[1].type.tensor_type.ClearField("shape")
    with pytest.raises(InvalidModel, match="the value 'b' would have"):
        load(proto)


@pytest.mark.parametrize("field", ["elem_type", ""])
def test_an_input_of_no_type_is_refused(field: str) -> None:
    """No engine takes one."""
    proto = relu([4])
    kind = proto.graph.input[0].type
    kind.tensor_type.ClearField(field) if field else kind.Clear()
    with pytest.raises(InvalidModel, match="the input 'x' has no type"):
        load(proto)
