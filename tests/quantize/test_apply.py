"""What `apply` makes: a model that ONNX Runtime takes whatever the names are, or one clear refusal."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from quantized_nets import cnn, run
from small_nets import activations, carried, net, values, weight
from zif.errors import InvalidInput, InvalidModel
from zif.model import Model
from zif.model.encodings.export import export
from zif_quantize import prepare
from zif_quantize.qdq import Encoding, Encodings, apply, read, strip

X8 = {"x": np.random.default_rng(0).uniform(-1, 1, (2, 8)).astype(np.float32)}


def matmul(x: str, w: str, y: str) -> onnx.NodeProto:
    return helper.make_node("MatMul", [x, w], [y], f"to_{y}")


def dense(x: str, w: str, inner: str = "h") -> onnx.ModelProto:
    """x · w = inner, inner · v = y."""
    nodes = [matmul(x, w, inner), matmul(inner, "v", "y")]
    return net(nodes, {x: (2, 8)}, {"y": (2, 8)}, {w: values(8, 8), "v": values(8, 8, seed=1)})


TAKEN = ["w_quantized", "w_scale", "x_zero_point", "x_QuantizeLinear_Output", "w_DequantizeLinear_Output"]


@pytest.mark.parametrize("name", [*TAKEN, "y_QuantizeLinear_Input", "x_DequantizeLinear_Output"])
def test_names_that_the_model_has_already_are_left_to_it(name: str) -> None:
    """As a weight and as an activation: the file's entries stand in the model, and each under its own name."""
    for model in (Model.load(dense("x", "w", name)), _with_weight(name)):
        given_ = Encodings((*activations("x", "y"), weight("w"), weight("v")))
        there = name in model.initializers
        both = Encodings((*given_.entries, weight(name) if there else activations(name)[0]))
        for encodings in (given_, both):
            made = apply(model, encodings)
            assert carried(made.model) == {one.name: one for one in encodings.entries}
            exact, got = run(model.proto, X8), run(made.model, X8)
            np.testing.assert_allclose(got, exact, atol=0.2)
            again = apply(Model.load(strip(made.model)), export(made.model))
            np.testing.assert_array_equal(run(again.model, X8), got)


def _with_weight(name: str) -> Model:
    nodes = [matmul("x", "w", "h"), matmul("h", name, "k"), matmul("k", "v", "y")]
    weights = {"w": values(8, 8), name: values(8, 8, seed=1), "v": values(8, 8, seed=2)}
    return Model.load(net(nodes, {"x": (2, 8)}, {"y": (2, 8)}, weights))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_tensors_are_called_the_model_loads_and_says_what_the_file_says(data: st.DataObject) -> None:
    """Names made of the parts that are appended to names."""
    ends = ["_quantized", "_scale", "_zero_point", "_QuantizeLinear_Input", "_QuantizeLinear_Output", "_1", ""]
    part = st.tuples(st.sampled_from("ab"), st.sampled_from(ends), st.sampled_from([*ends, "_DequantizeLinear_Output"]))
    x, w, h, v, y = data.draw(st.lists(part.map("".join), min_size=5, max_size=5, unique=True))
    model = Model.load(net([matmul(x, w, h), matmul(h, v, y)], {x: (2, 8)}, {y: (2, 8)}, {w: _W, v: _W}))
    entries = [*activations(x, h, y), weight(w), weight(v)]
    some = Encodings(tuple(one for one in entries if data.draw(st.booleans())))
    made = apply(model, some)
    assert carried(made.model) == {one.name: one for one in some.entries}


_W = values(8, 8)


def test_the_bodies_of_an_if_read_the_dequantized_tensors_too() -> None:
    info = helper.make_tensor_value_info
    then = helper.make_graph([matmul("h", "w", "t")], "then", [], [info("t", TensorProto.FLOAT, [2, 8])])
    other = helper.make_graph([helper.make_node("Neg", ["h"], ["e"], "neg")], "else", [], [info("e", 1, [2, 8])])
    branch = helper.make_node("If", ["yes"], ["y"], "if", then_branch=then, else_branch=other)
    shared = {"w": values(8, 8)}
    model = net([matmul("x", "w", "h"), branch], {"x": (2, 8), "yes": (bool,)}, {"y": (2, 8)}, shared)
    made = apply(Model.load(model), Encodings((*activations("x", "h"), weight("w")))).model
    straight = net([matmul("x", "w", "h"), matmul("h", "w", "y")], {"x": (2, 8)}, {"y": (2, 8)}, shared)
    wanted = apply(Model.load(straight), Encodings((*activations("x", "h"), weight("w")))).model
    got = run(made, {**X8, "yes": np.array(True)})
    np.testing.assert_array_equal(got, run(wanted, X8))
    assert run(made, {**X8, "yes": np.array(False)}).shape == (2, 8)
    again = apply(Model.load(strip(made)), export(made)).model
    np.testing.assert_array_equal(run(again, {**X8, "yes": np.array(True)}), got)


def test_a_weight_that_is_an_output_or_an_input_stays_the_one_and_is_the_other_no_more() -> None:
    shape = {"x": (2, 8)}
    given_ = Encodings((*activations("x", "h"), weight("w")))
    out = net([matmul("x", "w", "h")], shape, {"h": (2, 8), "w": (8, 8)}, {"w": values(8, 8)})
    made = apply(Model.load(out), given_).model
    assert [one.name for one in made.graph.output] == ["h", "w"]
    assert carried(made)["w"] == weight("w")
    inner = net([matmul("x", "w", "h")], {**shape, "w": (8, 8)}, {"h": (2, 8)}, {"w": values(8, 8)})
    made = apply(Model.load(inner), given_).model
    assert [one.name for one in made.graph.input] == ["x"]
    assert run(made, X8).shape == (2, 8)


def test_an_input_that_is_an_output_stays_as_it_is_fed() -> None:
    model = net([matmul("x", "w", "h")], {"x": (2, 8)}, {"x": (2, 8), "h": (2, 8)}, {"w": values(8, 8)})
    made = apply(Model.load(model), Encodings((*activations("x", "h"), weight("w")))).model
    np.testing.assert_array_equal(run(made, X8), X8["x"])
    assert set(carried(made)) == {"x", "h", "w"}


def test_float16_takes_scales_that_are_float16_and_no_others() -> None:
    for opset in (17, 21):
        nodes = [matmul("x", "w", "y")]
        ends = {"x": (np.float16, 2, 8)}, {"y": (np.float16, 2, 8)}
        model = Model.load(net(nodes, *ends, {"w": values(8, 8).astype(np.float16)}, opset))
        fits = Encodings((*activations("x", "y", scale=2**-5), attrs_scale(weight("w"), 2**-6)))
        made = apply(model, fits).model
        assert carried(made) == {one.name: one for one in fits.entries}
        exact = run(model.proto, {"x": X8["x"].astype(np.float16)})
        np.testing.assert_allclose(run(made, {"x": X8["x"].astype(np.float16)}), exact, atol=0.2)
        with pytest.raises(InvalidInput, match=r"'x' is float16.* which 0.0314960629 is not: convert the model"):
            apply(model, Encodings(activations("x")))


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 21])
@pytest.mark.parametrize(("activation", "kind"), [("uint8", "int8"), ("uint16", "int4")])
@pytest.mark.parametrize("channels", [1, 8])
def test_old_opsets_take_what_new_ones_take(opset: int, activation: str, kind: str, channels: int) -> None:
    model = Model.load(net([matmul("x", "w", "y")], {"x": (2, 8)}, {"y": (2, 8)}, {"w": values(8, 8)}, opset))
    entries = [Encoding(name, "activation", activation, (2.0**-6,), (128,)) for name in "xy"]
    scales = (2.0 ** -(6 if kind == "int8" else 3),) * channels
    entries.append(Encoding("w", "param", kind, scales, (0,) * channels, None if channels == 1 else 1))
    made = apply(model, Encodings(tuple(entries))).model
    assert carried(made) == {one.name: one for one in entries}


def attrs_scale(one: Encoding, scale: float) -> Encoding:
    return Encoding(one.name, one.kind, one.dtype, (scale,), one.zero_point, one.axis)


def test_32_bits_are_for_biases() -> None:
    model = prepare(cnn())
    wide = ((name, Encoding(name, "param", "int32", (1e-6,), (0,))) for name in ("x", "w1", "b1"))
    for name, one in wide:
        if name == "b1":
            assert carried(apply(model, Encodings((one,))).model)["b1"].dtype == "int32"
            continue
        with pytest.raises(InvalidInput, match=f"{name}' has 32 bits"):
            apply(model, Encodings((one,)))
    with pytest.raises(InvalidInput, match="int32 around zero only"):
        apply(model, Encodings((Encoding("b1", "param", "int32", (1e-6,), (7,)),)))
    stays = {"activation_encodings": {"r1": [{"bitwidth": 32, "dtype": "float"}]}, "param_encodings": {}}
    made = apply(model, read(stays))
    assert made.matched == ("r1",)
    assert not carried(made.model)


@pytest.mark.parametrize(("scale", "told"), [(1e-30, "scale 0,"), (1e-20, "scale 9.99995e-41,"), (1e30, "scale inf,")])
@pytest.mark.filterwarnings("error")
def test_a_bias_that_is_derived_gets_no_bad_scale_either(scale: float, told: str) -> None:
    scale = float(np.float32(scale))
    pair = (Encoding("x", "activation", "uint8", (scale,), (128,)), Encoding("w1", "param", "int8", (scale,), (0,)))
    with pytest.raises(InvalidInput, match=r"'b1' has scale .* that of 'x' × that of 'w1', which 'conv1'") as error:
        apply(prepare(cnn()), Encodings(pair))
    assert told in str(error.value)


def test_a_bias_that_int32_cuts_off_stays_float_and_is_told() -> None:
    """A dead channel with a scale next to nothing: 5 / (0.1 · 1e-12) is no int32, and would have come out as 2e-4."""
    weights = {"w": np.zeros((2, 3, 1, 1), np.float32), "b": np.array([5, 1], np.float32)}
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv")
    model = Model.load(net([node], {"x": (1, 3, 4, 4)}, {"y": (1, 2, 4, 4)}, weights))
    tiny = tuple(float(np.float32(one)) for one in (1e-12, 0.01))
    pair = (*activations("x"), Encoding("w", "param", "int8", tiny, (0, 0), 0))
    made = apply(model, Encodings(pair))
    assert "b" in made.uncovered
    assert run(made.model, {"x": values(1, 3, 4, 4)})[0, 0, 0, 0] == 5


def test_the_bias_of_a_grouped_transposed_convolution_has_the_scales_of_its_channels() -> None:
    node = helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], "up", group=2)
    weights = {"w": values(4, 3, 3, 3), "b": values(6)}
    model = Model.load(net([node], {"x": (1, 4, 6, 6)}, {"y": (1, 6, 8, 8)}, weights))
    scales = tuple(float(np.float32(one)) for one in (0.01, 0.02, 0.03))
    made = apply(model, Encodings((*activations("x"), Encoding("w", "param", "int8", scales, (0, 0, 0))))).model
    bias = carried(made)["b"].scale
    assert bias == tuple(float(np.float32(4 / 127) * np.float32(one)) for one in scales * 2)
    x = {"x": values(1, 4, 6, 6)}
    np.testing.assert_allclose(run(made, x), run(model.proto, x), atol=0.3)


@pytest.mark.parametrize("shape", [(1,), (), (5,), (1, 5), (2, 5)])
def test_the_bias_of_a_gemm_may_be_one_value_or_a_matrix(shape: tuple[int, ...]) -> None:
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "gemm")
    model = Model.load(net([node], {"x": (2, 8)}, {"y": (2, 5)}, {"w": values(8, 5), "b": values(*shape)}))
    made = apply(model, Encodings((*activations("x"), weight("w", 5, 1)))).model
    assert len(carried(made)["b"].scale) == 5
    np.testing.assert_allclose(run(made, X8), run(model.proto, X8), atol=0.3)


def test_an_entry_is_for_every_copy_that_prepare_makes_of_a_weight() -> None:
    """Two Gemms read one weight along different axes, and two convolutions one bias."""
    gemm = [helper.make_node("Gemm", [x, "w"], [y], f"gemm_{y}", transB=turned) for x, y, turned in _SHARED]
    model = prepare(net(gemm, {"x": (2, 8)}, {"y": (2, 8)}, {"w": values(8, 8)}))
    made = apply(model, Encodings((*activations("x", "h", "y"), weight("w"))))
    assert not made.uncovered
    assert not made.unmatched
    assert sum(one.scale == weight("w").scale for one in carried(made.model).values()) == 2


_SHARED = (("x", "h", 0), ("h", "y", 1))


def test_an_entry_is_not_for_a_weight_that_prepare_changed() -> None:
    """alpha is multiplied into the weight: in the scale of the file's, twice the values would be cut off."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "gemm", alpha=2.0)
    model = prepare(net([node], {"x": (2, 8)}, {"y": (2, 8)}, {"w": 3 * values(8, 8)}))
    made = apply(model, Encodings((*activations("x"), weight("w"))))
    assert made.unmatched == ("w",)
    np.testing.assert_allclose(run(made.model, X8), run(model.proto, X8), atol=0.3)


def test_what_onnx_runtime_refuses_is_not_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif_quantize.qdq import graph

    monkeypatch.setattr(graph.QdqGraph, "_value", lambda _, wish: wish)
    with pytest.raises(InvalidModel, match="with these encodings, .* is no model that can be run"):
        apply(Model.load(dense("x", "w", "x_scale")), Encodings(activations("x")))
