"""What onnxruntime's quantizer does not see to: outputs, clips, biases of dead channels, names."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import helper, numpy_helper
from quantized_nets import feeds, net, normal, ratios, sqnr
from zif.model.encodings.export import export
from zif_qnn_htp.quantizing import RULES as HTP
from zif_quantize import Recipe, quantize, quantize_model
from zif_quantize.measure import Reference

PRECISIONS = ["w8a8", "w8a16", "w4a16", "w16a16"]
#: What a convolution of random weights reaches, in dB.
PLAIN = {"w8a8": 30, "w8a16": 35, "w4a16": 12, "w16a16": 75}
node = helper.make_node


def conv_and(nodes: list[Any], outputs: list[str], **weights: Any) -> onnx.ModelProto:
    """A convolution that gives "c", and what comes behind it."""
    conv = node("Conv", ["x", "w", "b"], ["c"])
    given = {"w": normal(4, 3, 3, 3) / 2, "b": normal(4), **weights}
    return net([conv, *nodes], {"x": [1, 3, 8, 8]}, outputs, **given)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_output_that_a_relu_or_clip_reads_keeps_its_range(precision: str) -> None:
    nodes = [node("Relu", ["c"], ["r"]), node("Clip", ["r", "", "top"], ["y"])]
    made = ratios(conv_and(nodes, ["y", "r", "c"], top=0.6), precision)
    assert min(made.values()) > PLAIN[precision]


def test_a_clip_around_zero_is_done_by_saturating() -> None:
    given = conv_and([node("Clip", ["c", "low", "high"], ["y"])], ["y"], low=0.0, high=6.0)
    made = quantize_model(given, feeds(given), "w8a8")
    assert "Clip" not in {one.op_type for one in made.graph.node}


def test_the_end_of_a_clip_is_no_quantized_value() -> None:
    """Another reads it, too: QNN takes constants for ends, not what a DequantizeLinear makes."""
    nodes = [node("Clip", ["c", "low"], ["y"]), node("Sub", ["x", "low"], ["z"])]
    given = conv_and(nodes, ["y", "z", "c"], low=-0.25)
    made = quantize_model(given, feeds(given), "w8a8")
    (clip,) = [one for one in made.graph.node if one.op_type == "Clip"]
    assert clip.input[1] in {tensor.name for tensor in made.graph.initializer}


def test_a_clip_whose_end_is_computed_stays() -> None:
    nodes = [node("ReduceMean", ["x"], ["low"], keepdims=0), node("Clip", ["c", "low"], ["y"])]
    given = conv_and(nodes, ["y"])
    made = quantize_model(given, feeds(given), "w8a8")
    assert "Clip" in {one.op_type for one in made.graph.node}
    assert ratios(given, "w16a16")["y"] > PLAIN["w16a16"]


def test_a_value_that_a_body_reads_keeps_its_maker() -> None:
    value = helper.make_tensor_value_info
    bodies = [
        helper.make_graph([node(op, ["c"], [f"{op}_out"])], op, [], [value(f"{op}_out", 1, [1, 4, 6, 6])])
        for op in ("Neg", "Abs")
    ]
    nodes = [node("ReduceMean", ["x"], ["m"], keepdims=0), node("Greater", ["m", "zero"], ["yes"])]
    branch = node("If", ["yes"], ["z"], then_branch=bodies[0], else_branch=bodies[1])
    given = conv_and([*nodes, node("Relu", ["c"], ["y"]), branch], ["y", "z"], zero=0.0)
    assert min(ratios(given, "w16a16").values()) > PLAIN["w16a16"]


@pytest.mark.parametrize("recipe", [*PRECISIONS, Recipe("uint16", "uint8", per_channel=False)])
@pytest.mark.parametrize("dead", [[0], [0, 1, 2]])
@pytest.mark.parametrize("flat", [False, True])
def test_a_dead_channel_keeps_its_bias(flat: bool, dead: list[int], recipe: Any) -> None:
    weight = normal(3, 2, 3, 3)
    weight[dead] = 0
    nodes = [node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w", "b"], ["y"], transB=1)]
    nodes = nodes if flat else [node("Conv", ["x", "w", "b"], ["y"])]
    weight = weight.reshape(3, 18) if flat else weight
    given = net(nodes, {"x": [1, 2, 3, 3]}, ["y"], w=weight, b=[500.0, 1.0, -1.0])
    assert ratios(given, recipe)["y"] > 40


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("groups", "each"), [(2, 3), (4, 1), (4, 2)])
def test_a_transposed_convolution_in_groups(groups: int, each: int, precision: str) -> None:
    made = node("ConvTranspose", ["x", "w", "b"], ["y"], group=groups, strides=[2, 2])
    weight, bias = normal(4, each, 3, 3) / 2, normal(groups * each)
    assert ratios(net([made], {"x": [1, 4, 6, 6]}, ["y"], w=weight, b=bias), precision)["y"] > PLAIN[precision]


def test_an_input_that_is_an_output_passes_through() -> None:
    given = net([node("MatMul", ["x", "w"], ["y"])], {"x": [2, 8]}, ["x", "y"], w=normal(8, 8))
    made = ratios(given, "w8a8")
    assert made["x"] == np.inf
    assert 30 < made["y"] < np.inf


@pytest.mark.parametrize("taken", ["x_scale", "c_zero_point", "w_quantized", "b_quantized_scale"])
def test_names_that_the_quantizer_would_give_are_taken(taken: str) -> None:
    """By a constant; the tensors keep their names, and the scales say whose they are."""
    given = conv_and(
        [node("Mul", ["c", taken], ["m"]), node("Neg", ["m"], ["y"])], ["y"], **{taken: normal(1, 1, 6, 6)}
    )
    assert ratios(given, "w16a16")["y"] > PLAIN["w16a16"]
    made = quantize_model(given, feeds(given), "w8a8")
    assert {one.name for one in export(made).entries} == {"x", "w", "b", "c", taken, "m", "y"}


@pytest.mark.parametrize("taken", ["x_scale", "x_quantized", "w_quantized", "w_scale"])
def test_names_that_quantizing_weights_would_give_are_taken(taken: str) -> None:
    nodes = [node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", taken], ["y"])]
    given = net(nodes, {"x": [4, 8]}, ["y"], w=normal(8, 8), **{taken: normal(4, 8)})
    made = Reference(quantize(given, precision="w8").model)
    for sample in feeds(given):
        assert sqnr(Reference(given).run(sample)["y"], made.run(sample)["y"]) > 30


def test_names_of_inputs_that_the_quantizer_would_give_are_taken() -> None:
    nodes = [node("Mul", ["image", "image_scale"], ["y"])]
    given = net(nodes, {"image": [1, 3, 4, 4], "image_scale": [1, 1, 1, 1]}, ["y"])
    assert ratios(given, "w16a16")["y"] > PLAIN["w16a16"]
    made = quantize_model(given, feeds(given), "w8a8")
    assert {one.name for one in made.graph.input} == {"image", "image_scale"}
    assert {one.name for one in export(made).entries} == {"image", "image_scale", "y"}


def nearly_dead() -> onnx.ModelProto:
    """A convolution with a channel of small numbers and one of none."""
    weight = normal(8, 4, 3, 3) / 3
    weight[2] /= 2**20
    weight[5] = 0
    return net([node("Conv", ["x", "w"], ["y"])], {"x": [1, 4, 10, 10]}, ["y"], w=weight)


def test_the_scales_of_a_weight_are_of_one_order() -> None:
    made = quantize_model(nearly_dead(), feeds(nearly_dead()), "w8a16", rules=HTP)
    (scale,) = [numpy_helper.to_array(one) for one in made.graph.initializer if one.name == "w_scale"]
    assert scale.max() / scale.min() < 2**11


def uneven() -> onnx.ModelProto:
    """A convolution whose widest channel has a bias that in the steps of the narrowest is more than an int32."""
    weight = np.array([0.06, 5.3, 0.057, 0.37, 0.8, 1.2]).reshape(6, 1, 1, 1)
    nodes = [node("Mul", ["x", "small"], ["z"]), node("Conv", ["z", "w", "b"], ["y"], group=6)]
    bias = [0.95, 32.0, -0.57, -1.0, -0.23, -1.1]
    return net(nodes, {"x": [1, 6, 6, 6]}, ["y"], w=weight, b=bias, small=np.full((1, 1, 6, 6), 0.125))


def test_a_bias_fits_in_the_steps_of_every_channel() -> None:
    made = quantize_model(uneven(), feeds(uneven()), "w8a16", rules=HTP)
    steps = {one.name: numpy_helper.to_array(one) for one in made.graph.initializer if one.name.endswith("_scale")}
    assert 32.0 / (steps["z_scale"] * steps["w_scale"].min()) < 2**30.1
    assert ratios(uneven(), "w8a16", rules=HTP)["y"] > 60
    assert ratios(uneven(), "w8a16")["y"] > 60  # each in its own steps


@pytest.mark.slow
@pytest.mark.parametrize("given", [nearly_dead(), uneven()])
@pytest.mark.parametrize("precision", ["w8a8", "w8a16", "w4a16"])
def test_a_channel_that_is_nearly_dead_is_no_more_on_htp(precision: str, given: onnx.ModelProto) -> None:
    """With a scale 2^-15 of the others' beside 16 bits it gave the greatest value that there is, everywhere."""
    pytest.importorskip("zif_qnn_htp", reason="Qualcomm's compiler is not installed")
    made = quantize_model(given, feeds(given), precision, rules=HTP)
    wanted = Reference(given).run(feeds(given)[0])["y"]
    with zif.load(made, target="snapdragon-8-gen-3", only=("qnn_htp",), emulate=True) as session:
        got = session.run(feeds(given)[0])["y"]
    assert sqnr(wanted, got) > PLAIN[precision]


@pytest.mark.parametrize("size", [1e-5, 1e-8])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_small_numbers_are_no_noise(precision: str, size: float) -> None:
    nodes = [node("Relu", ["c"], ["r"]), node("Mul", ["r", "size"], ["y"])]
    assert ratios(conv_and(nodes, ["y"], size=size), precision)["y"] > PLAIN[precision]
