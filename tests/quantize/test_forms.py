"""Networks that are spelled so that a quantizer gets them wrong, beside the plain ones that compute the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import helper
from quantized_nets import feeds, net, normal, ratios, sqnr
from zif_qnn_htp.quantizing import RULES as HTP
from zif_quantize import prepare, quantize_model
from zif_quantize.measure import Reference

PRECISIONS = ["w8a8", "w8a16", "w4a16", "w16a16"]
node = helper.make_node


def gemm(bias: Any, turned: int = 0, **factors: Any) -> onnx.ModelProto:
    weight = normal(8, 5) / 2
    made = node("Gemm", ["x", "w", "b"], ["y"], transB=turned, **factors)
    return net([made], {"x": [2, 8]}, ["y"], w=weight.T if turned else weight, b=bias)


def reads(model: onnx.ModelProto, given: list[dict[str, Any]]) -> list[Any]:
    return [Reference(model).run(sample)["y"] for sample in given]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("alpha", "beta", "turned"), [(1.0, 2.0, 0), (0.5, 1.0, 1), (0.5, 2.0, 1), (3.0, 0.0, 0)])
def test_the_factors_of_a_gemm_are_no_worse_than_in_its_constants(
    alpha: float, beta: float, turned: int, precision: str
) -> None:
    made = ratios(gemm(normal(5), turned, alpha=alpha, beta=beta), precision)["y"]
    plain = net(
        [node("Gemm", ["x", "w", "b"], ["y"])], {"x": [2, 8]}, ["y"], w=alpha * normal(8, 5) / 2, b=beta * normal(5)
    )
    assert made > ratios(plain, precision)["y"] - 1


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (1, 5), (2, 1), (2, 5)])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_gemm_takes_a_bias_of_any_shape(precision: str, shape: tuple[int, ...]) -> None:
    made = ratios(gemm(normal(*shape), beta=0.5), precision)["y"]
    assert made > {"w8a8": 33, "w8a16": 40, "w4a16": 15, "w16a16": 80}[precision]


def test_a_gemm_of_values_alone_keeps_its_factors() -> None:
    made = node("Gemm", ["x", "k", "c"], ["y"], alpha=0.5, beta=3.0)
    given = net([made], {"x": [2, 8], "k": [8, 5], "c": [5]}, ["y"])
    assert ratios(given, "w16a16")["y"] > 80
    assert [unit.op_type for unit in prepare(given).units] == ["Mul", "Gemm", "Mul", "Add"]


@pytest.mark.parametrize("turned", [("x",), ("k",), ("x", "k")])
def test_a_gemm_of_values_alone_is_a_matmul(turned: tuple[str, ...]) -> None:
    """QNN refuses two values of 16 bits in what a Gemm becomes."""
    shapes = {"x": [2, 8], "k": [8, 5]}
    inputs = {name: shape[::-1] if name in turned else shape for name, shape in shapes.items()}
    made = node("Gemm", ["x", "k", "b"], ["y"], transA=int("x" in turned), transB=int("k" in turned))
    given = net([made], inputs, ["y"], b=normal(5))
    assert "Gemm" not in {unit.op_type for unit in prepare(given, rules=HTP).units}
    assert ratios(given, "w16a16", rules=HTP)["y"] > 80
    assert "MatMul" not in {unit.op_type for unit in prepare(given).units}
    assert ratios(given, "w16a16")["y"] > 80


def test_a_weight_that_others_read_is_scaled_for_the_gemm_alone() -> None:
    nodes = [node("Gemm", ["x", "w"], ["g"], alpha=4.0), node("Add", ["g", "w"], ["y"])]
    given = net(nodes, {"x": [8, 8]}, ["y"], w=normal(8, 8))
    np.testing.assert_allclose(
        reads(prepare(given).proto, feeds(given)), reads(given, feeds(given)), rtol=1e-5, atol=1e-5
    )
    assert ratios(given, "w16a16")["y"] > 80


def test_a_weight_has_the_scales_of_each_of_its_uses() -> None:
    """One scale per column for a product, one for all and 16 bits for a sum."""
    weight = normal(8, 8) * np.logspace(-3, 0, 8, dtype=np.float32)
    nodes = [node("Gemm", ["x", "w"], ["g"]), node("Gemm", ["g", "w"], ["t"], transB=1), node("Add", ["t", "w"], ["y"])]
    made = quantize_model(
        net(nodes, {"x": [8, 8]}, ["y"], w=weight), feeds(net(nodes, {"x": [8, 8]}, ["y"], w=weight)), "w8a16"
    )
    shapes = {t.name: tuple(t.dims) for t in made.graph.initializer}
    producers = {n.output[0]: n for n in made.graph.node}
    weights = [producers[n.input[1]] for n in made.graph.node if n.op_type in ("Gemm", "Add")]
    axes = [[a.i for a in n.attribute if a.name == "axis"] for n in weights]
    assert axes == [[1], [0], []]
    assert [shapes[n.input[1]] for n in weights] == [(8,), (8,), ()]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("low", "high"), [(0.5, 1.5), (-1.5, -0.5)])
def test_a_clip_beside_zero_is_more_than_a_range(low: float, high: float, precision: str) -> None:
    nodes = [node("Conv", ["x", "w"], ["c"]), node("Clip", ["c", "low", "high"], ["y"])]
    given = net(nodes, {"x": [1, 3, 8, 8]}, ["y"], w=normal(4, 3, 3, 3) / 2, low=low, high=high)
    for rules in (HTP, None):
        assert (
            ratios(given, precision, rules=rules)["y"] > {"w8a8": 30, "w8a16": 35, "w4a16": 12, "w16a16": 75}[precision]
        )
    assert [unit.op_type for unit in prepare(given, rules=HTP).units] == ["Conv", "Max" if low > 0 else "Min", "Clip"]
    assert [unit.op_type for unit in prepare(given).units] == ["Conv", "Clip"]


def test_a_bias_that_is_computed_is_added_behind() -> None:
    nodes = [node("ReduceMean", ["x", "axes"], ["m"], keepdims=0), node("Conv", ["x", "w", "m"], ["y"])]
    given = net(nodes, {"x": [1, 3, 8, 8]}, ["y"], w=normal(3, 3, 3, 3), axes=np.array([0, 2, 3]))
    assert [unit.op_type for unit in prepare(given).units] == ["ReduceMean", "Reshape", "Conv", "Add"]
    assert ratios(given, "w16a16")["y"] > 75


@pytest.mark.parametrize("dims", [[2, 6, 5], [1, 6, 4, 4], [1, 6, 3, 3, 3]])
def test_a_batch_normalization_that_stays_has_a_scale_per_channel(dims: list[int]) -> None:
    """As a convolution of every channel; without channels that share a scale it is as exact as activations are."""
    numbers = {"m": normal(6), "v": np.logspace(-3, 3, 6), "g": normal(6, seed=1), "b": normal(6, seed=2)}
    nodes = [node("Relu", ["x"], ["r"]), node("BatchNormalization", ["r", "g", "b", "m", "v"], ["n"])]
    given = net([*nodes, node("Relu", ["n"], ["y"])], {"x": dims}, ["y"], **numbers)
    exact, same = (reads(one, feeds(given)) for one in (given, prepare(given).proto))
    np.testing.assert_allclose(same, exact, rtol=1e-4, atol=1e-5)
    assert ratios(given, "w8a16")["y"] > 80
    # Other values under the old names would be taken for what a file of encodings is about.
    assert {"g_of_n", "b_of_n"} == prepare(given).initializers.keys()


@pytest.mark.parametrize(
    ("made", "dims", "biased"),
    [
        (node("Conv", ["x", "w"], ["y"], group=6), [6, 1, 1, 1], False),
        (node("Conv", ["x", "w", "b"], ["y"]), [1, 6, 3, 3], True),
        (node("ConvTranspose", ["x", "w", "b"], ["y"]), [6, 1, 3, 3], True),
        (node("ConvTranspose", ["x", "w", "b"], ["y"], group=2), [6, 2, 3, 3], True),
    ],
)
def test_eight_bits_where_the_compiler_has_no_four(made: Any, dims: list[int], biased: bool) -> None:
    """One number per channel, which it dies of, and one scale beside a bias."""
    count = 4 if made.attribute else dims[made.op_type == "ConvTranspose"]
    given = net([made], {"x": [1, 6, 4, 4]}, ["y"], w=normal(*dims), **({"b": normal(count)} if biased else {}))
    quantized = quantize_model(given, feeds(given), "w4a16", rules=HTP)
    kinds = {tensor.name: tensor.data_type for tensor in quantized.graph.initializer}
    assert kinds["w_quantized"] == onnx.TensorProto.INT8


def test_slopes_beside_sixteen_bits_are_signed() -> None:
    """Qualcomm's compiler gives up on others, one per channel, unless a convolution stands before."""
    given = net([node("PRelu", ["x", "s"], ["y"])], {"x": [1, 4, 6, 6]}, ["y"], s=normal(4, 1, 1))
    made = quantize_model(given, feeds(given), "w8a16", rules=HTP)
    kinds = {tensor.name: tensor.data_type for tensor in made.graph.initializer}
    assert kinds["s_quantized"] == onnx.TensorProto.INT16
    assert ratios(given, "w8a16", rules=HTP)["y"] > 80


def test_a_clip_without_ends_is_none() -> None:
    """QNN refuses it: it takes what is not there for what is computed."""
    given = net([node("Clip", ["x", "", ""], ["y"])], {"x": [1, 3]}, ["y"])
    assert [unit.op_type for unit in prepare(given).units] == ["Identity"]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["w8a8", "w8a16", "w4a16"])
def test_htp_takes_every_form_and_agrees(precision: str) -> None:
    pytest.importorskip("zif_qnn_htp", reason="Qualcomm's compiler is not installed")
    conv, ends = node("Conv", ["x", "w", "b"], ["c"]), {"low": 0.5, "high": 1.5}
    norm = [node("Concat", ["x", "x"], ["t"], axis=0), node("BatchNormalization", ["t", "g", "b", "m", "v"], ["n"])]
    norm.append(node("Relu", ["n"], ["y"]))
    image = {"w": normal(4, 3, 3, 3) / 2, "b": normal(4)}
    models = [
        gemm(normal(5), alpha=0.5, beta=2.0),
        gemm(normal(2, 5)),
        net([node("Gemm", ["x", "k"], ["y"])], {"x": [2, 8], "k": [8, 5]}, ["y"]),
        net([conv, node("Relu", ["c"], ["y"])], {"x": [1, 3, 8, 8]}, ["y", "c"], **image),
        net([conv, node("Clip", ["c", "low", "high"], ["y"])], {"x": [1, 3, 8, 8]}, ["y"], **image, **ends),
        net(norm, {"x": [1, 6, 4, 4]}, ["y"], m=normal(6), v=np.logspace(-2, 2, 6), g=normal(6), b=normal(6)),
        net([node("Conv", ["x", "w", "b"], ["y"])], {"x": [1, 3, 8, 8]}, ["y"], w=normal(1, 3, 3, 3), b=normal(1)),
        net([node("PRelu", ["x", "s"], ["y"])], {"x": [1, 4, 6, 6]}, ["y"], s=normal(4, 1, 1)),
        net([node("Conv", ["x", "w"], ["y"])], {"x": [1, 2, 5, 5, 5]}, ["y"], w=normal(4, 2, 3, 3, 3)),
    ]
    for bias in (6, 0):
        made = node("ConvTranspose", ["x", "w", "b"][: 3 if bias else 2], ["y"], group=2)
        weights = {"w": normal(4, 3, 3, 3) / 2, **({"b": normal(bias)} if bias else {})}
        models.append(net([made], {"x": [1, 4, 6, 6]}, ["y"], **weights))
    for model in models:
        samples = feeds(model)
        made = quantize_model(model, samples, precision, rules=HTP)
        wanted = Reference(model).run(samples[0])
        with zif.load(made, target="snapdragon-8-gen-3", only=("qnn_htp",), emulate=True) as session:
            got = session.run(samples[0])
        for name, exact in wanted.items():
            assert sqnr(exact, got[name]) > (12 if precision == "w4a16" else 28), (model.graph.node, name)


def test_a_normalization_that_is_the_last_thing_is_left_spelled_out() -> None:
    """Where nobody reads the quotient, onnxruntime's fusion looks for its reader all the same."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from zif_quantize import prepare

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8]) for name in "xy"]
    nodes = [
        helper.make_node("ReduceMean", ["x", "axis"], ["m"], "middle"),
        helper.make_node("Sub", ["x", "m"], ["c"], "centre"),
        helper.make_node("Pow", ["c", "two"], ["s"], "square"),
        helper.make_node("ReduceMean", ["s", "axis"], ["v"], "variance"),
        helper.make_node("Add", ["v", "tiny"], ["p"], "add"),
        helper.make_node("Sqrt", ["p"], ["r"], "root"),
        helper.make_node("Div", ["c", "r"], ["y"], "quotient"),
    ]
    constants = {"axis": np.array([-1]), "two": np.float32(2), "tiny": np.float32(1e-5)}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "last", ends[:1], ends[1:], tensors)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    made = prepare(proto, rules="qnn_htp").proto
    onnx.checker.check_model(made)
    assert [value.name for value in made.graph.output] == ["y"]
