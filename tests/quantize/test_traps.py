"""What goes wrong silently when a model is quantized by the book."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from quantized_nets import feeds, net, normal, ratios, run, sqnr
from zif.errors import InvalidModel
from zif_qnn_htp.quantizing import RULES as HTP
from zif_quantize import calibrate, prepare, quantize, quantize_model
from zif_quantize.measure import Reference

node = helper.make_node
SAMPLES = [{"x": np.random.default_rng(seed).standard_normal((1, 4, 8, 8)).astype(np.float32)} for seed in range(3)]


def model(nodes: list[Any], **weights: Any) -> onnx.ModelProto:
    made = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in (("x", [1, 4, 8, 8]), ("y", None))]
    return helper.make_model(
        helper.make_graph(nodes, "trap", ends[:1], ends[1:], made),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )


def quantized_inputs(made: onnx.ModelProto) -> set[str]:
    return {node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"}


@pytest.mark.parametrize("moved", ["Identity", "Flatten", "DepthToSpace"])
def test_a_spectrum_before_its_logarithm_stays_float(moved: str) -> None:
    weight = np.random.default_rng(0).standard_normal((8, 4, 1, 1)) * np.logspace(-4, 0, 8)[:, None, None, None]
    float_model = model(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], "fourier"),
            helper.make_node("Mul", ["c", "c"], ["s"], "square"),
            helper.make_node(moved, ["s"], ["t"], "moved", **({"blocksize": 2} if moved == "DepthToSpace" else {})),
            helper.make_node("Add", ["t", "e"], ["a"], "away_from_zero"),
            helper.make_node("Log", ["a"], ["l"], "log"),
            helper.make_node("Mul", ["l", "g"], ["y"], "gain"),
        ],
        w=weight,
        e=1e-12,
        g=0.25,
    )
    made = quantize_model(float_model, calibrate(float_model, SAMPLES), "w8a16")
    assert not {"c", "s", "t", "a"} & quantized_inputs(made)
    assert {"l"} & quantized_inputs(made)
    assert sqnr(run(float_model, SAMPLES[0]), run(made, SAMPLES[0])) > 60


@pytest.mark.parametrize("precision", ["w8a8", "w8a16"])
def test_a_logistic_function_in_parts_stays_float(precision: str) -> None:
    """1 / (1 + e^-x): where the sum is near 1, the steps of a range up to 150 are too wide."""
    nodes = [node("Mul", ["x", "slope"], ["m"]), node("Neg", ["m"], ["n"]), node("Exp", ["n"], ["e"])]
    nodes += [node("Add", ["e", "one"], ["a"]), node("Div", ["one", "a"], ["y"])]
    given = net(nodes, {"x": [2, 64]}, ["y"], slope=2.0, one=1.0)
    made = quantize_model(given, feeds(given), precision)
    assert not {"e", "a"} & quantized_inputs(made)
    assert ratios(given, precision)["y"] > {"w8a8": 30, "w8a16": 70}[precision]


def test_what_is_divided_by_a_root_stays_float() -> None:
    """A row that hardly varies has a small root, which is zero in integers: it was divided by that."""
    nodes = [node("ReduceMean", ["x", "last"], ["u"]), node("Sub", ["x", "u"], ["c"]), node("Mul", ["c", "c"], ["s"])]
    nodes += [node("ReduceMean", ["s", "last"], ["v"]), node("Add", ["v", "e"], ["a"]), node("Sqrt", ["a"], ["r"])]
    given = net([*nodes, node("Div", ["c", "r"], ["y"])], {"x": [4, 64]}, ["y"], last=np.array([-1]), e=1e-5)
    rows = np.random.default_rng(0).standard_normal((4, 4, 64)).astype(np.float32)
    rows[:, 0] *= np.float32(0.03)
    samples = [{"x": sample} for sample in rows]
    made = quantize_model(given, samples, "w8a8")
    assert not {"s", "v", "a", "r"} & quantized_inputs(made)
    exact, got = Reference(given).run(samples[0])["y"], Reference(made).run(samples[0])["y"]
    assert sqnr(exact[1:], got[1:]) > 38
    assert np.abs(got[0]).max() < 4


@pytest.mark.parametrize("precision", ["w8a8", "w16a16"])
def test_minus_infinity_in_a_max_does_not_stretch_a_range(precision: str) -> None:
    float_model = model(
        [helper.make_node("Max", ["x", "least"], ["m"], "max"), helper.make_node("Mul", ["m", "g"], ["y"], "gain")],
        least=-np.inf,
        g=0.5,
    )
    made = quantize_model(float_model, calibrate(float_model, SAMPLES), precision)
    assert sqnr(run(float_model, SAMPLES[0]), run(made, SAMPLES[0])) > 30


@pytest.mark.parametrize("least", [-1e4, -3e38, np.finfo(np.float32).min])
@pytest.mark.parametrize("made", ["product", "choice", "constant"])
@pytest.mark.filterwarnings("error")
def test_a_mask_is_no_range(made: str, least: float) -> None:
    """However it is made; the steps of a range up to the least float end at minus infinity, and 0 of that is NaN."""
    keep = [(np.arange(8) < 8 - k).astype(np.float32)[None, None] for k in range(4)]
    ways = {
        "product": [node("Sub", ["one", "keep"], ["gone"]), node("Mul", ["gone", "least"], ["mask"])],
        "choice": [node("Greater", ["keep", "half"], ["yes"]), node("Where", ["yes", "zero", "least"], ["mask"])],
        "constant": [node("Add", ["keep", "fixed"], ["mask"])],
    }
    behind = [node("Add", ["x", "mask"], ["a"]), node("Softmax", ["a"], ["s"]), node("MatMul", ["s", "w"], ["y"])]
    fixed = np.where(np.arange(8) < 6, np.float32(0), np.float32(least))[None, None]
    numbers = {"one": 1.0, "half": 0.5, "zero": 0.0, "least": least, "fixed": fixed, "w": normal(8, 5)}
    given = net([*ways[made], *behind], {"x": [2, 8, 8], "keep": [1, 1, 8]}, ["y"], **numbers)
    samples = [{"x": normal(2, 8, 8, seed=seed), "keep": row} for seed, row in enumerate(keep)]
    assert ratios(given, "w16a16", samples)["y"] > 70


@pytest.mark.parametrize("number", [-9.0, 114.0, -3e38, -np.inf])
@pytest.mark.parametrize("precision", ["w8a8", "w16a16"])
@pytest.mark.parametrize("before", ["Neg", "Relu"])
def test_a_pad_with_a_number_of_its_own(before: str, precision: str, number: float) -> None:
    nodes = [node(before, ["x"], ["r"]), node("Pad", ["r", "pads", "number"], ["p"])]
    nodes += [node("MaxPool", ["p"], ["y"], kernel_shape=[2, 2])]
    given = net(nodes, {"x": [1, 4, 8, 8]}, ["y"], pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]), number=number)
    for rules in (HTP, None):
        assert ratios(given, precision, rules=rules)["y"] > {"w8a8": 35, "w16a16": 80}[precision]
    made = quantize_model(given, feeds(given), precision, rules=HTP)
    scales = {one.name: numpy_helper.to_array(one) for one in made.graph.initializer if one.name.endswith("_scale")}
    (pad,) = [one for one in made.graph.node if one.op_type == "Pad"]
    made_by = {name: one for one in made.graph.node for name in one.output}
    (after,) = [one for one in made.graph.node if one.op_type == "QuantizeLinear" and one.input[0] == pad.output[0]]
    assert scales[made_by[pad.input[0]].input[1]] == scales[after.input[1]], "HTP pads in the encoding of the input"


def test_a_bias_that_two_read_is_copied_under_a_free_name() -> None:
    """onnxruntime would call the copy "b2", which is another tensor's name here."""
    weight = np.random.default_rng(0).standard_normal((4, 4, 1, 1))
    float_model = model(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["b2"], "first"),
            helper.make_node("Conv", ["b2", "w", "b"], ["y"], "second"),
        ],
        w=weight,
        b=np.arange(4),
    )
    ready = prepare(float_model)
    biases = {node.input[2] for node in ready.proto.graph.node if node.op_type == "Conv"}
    assert len(biases) == 2
    made = quantize_model(ready, calibrate(ready, SAMPLES), "w8a16")
    onnx.checker.check_model(made, full_check=True)
    assert sqnr(run(float_model, SAMPLES[0]), run(made, SAMPLES[0])) > 30


def test_the_metadata_of_a_model_stays() -> None:
    """onnxruntime's preprocessing fails on a model that has any."""
    float_model = model([helper.make_node("Mul", ["x", "g"], ["y"], "gain")], g=0.5)
    float_model.metadata_props.add(key="classes", value="cat dog")
    made = quantize_model(float_model, SAMPLES, "w8a8")
    assert {"classes": "cat dog"}.items() <= {entry.key: entry.value for entry in made.metadata_props}.items()


def test_a_model_with_nothing_to_quantize_is_refused() -> None:
    only = model([helper.make_node("Sqrt", ["a"], ["y"], "sqrt"), helper.make_node("Abs", ["x"], ["a"], "abs")])
    with pytest.raises(InvalidModel, match="nothing in .* was quantized"):
        quantize(only, SAMPLES, method="minmax")


def test_a_gemm_whose_bias_is_a_row_has_a_scale_per_column() -> None:
    weight = np.random.default_rng(0).standard_normal((256, 5))
    float_model = model(
        [
            helper.make_node("Flatten", ["x"], ["f"], "flatten"),
            helper.make_node("Gemm", ["f", "w", "b"], ["y"], "gemm"),
        ],
        w=weight,
        b=np.ones((1, 5)),
    )
    made = quantize_model(float_model, calibrate(float_model, SAMPLES), "w8a8")
    (scale,) = [tensor for tensor in made.graph.initializer if tensor.name == "w_scale"]
    assert list(scale.dims) == [5]
    assert sqnr(run(float_model, SAMPLES[0]), run(made, SAMPLES[0])) > 25
