"""What a backend wants of a quantized model: every rule changes what is written, one way and the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from quantized_nets import cnn, feeds, net, normal
from test_transformer import transformer
from zif.plugin import FixedRange, QuantizationRules, WeightType
from zif_quantize import PRESETS, Recipe, calibrate, prepare, quantize_model, recipe
from zif_quantize.qdq import FORMATS, Encoding, Encodings, apply, export, read, write
from zif_quantize.rules import as_json, prepared_by

node = helper.make_node
Form = Callable[[onnx.ModelProto], Any]


def kinds(made: onnx.ModelProto) -> set[str]:
    return {row.op_type for row in made.graph.node} - {"QuantizeLinear", "DequantizeLinear"}


def of_kinds(*words: str) -> Form:
    return lambda made: kinds(made) & set(words)


def stored(name: str) -> Form:
    """The type in which a constant is stored."""
    return lambda made: {t.data_type for t in made.graph.initializer if t.name == f"{name}_quantized"}


def scales(made: onnx.ModelProto, name: str) -> np.ndarray:
    """The scales of a tensor by the QuantizeLinear behind it, or the DequantizeLinear of a constant."""
    constants = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    (row,) = [
        n
        for n in made.graph.node
        if (n.op_type == "QuantizeLinear" and n.input[0].removesuffix("_QuantizeLinear_Input") == name)
        or (n.op_type == "DequantizeLinear" and n.input[0] == f"{name}_quantized")
    ]
    return constants[row.input[1]]


def zero_of(made: onnx.ModelProto, name: str) -> np.ndarray:
    constants = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    (row,) = [
        n
        for n in made.graph.node
        if n.op_type == "QuantizeLinear" and n.input[0].removesuffix("_QuantizeLinear_Input") == name
    ]
    return constants[row.input[2]]


def pads_alike(made: onnx.ModelProto) -> bool:
    """Whether what a Pad reads and what it gives have one encoding."""
    (pad,) = [n for n in made.graph.node if n.op_type == "Pad"]
    (before,) = [n for n in made.graph.node if pad.input[0] in n.output]
    (after,) = [n for n in made.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == pad.output[0]]
    constants = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    return bool(constants[before.input[1]] == constants[after.input[1]])


def count(name: str) -> Form:
    return lambda made: scales(made, name).size


def quantized(name: str) -> Form:
    """Whether a value is quantized."""
    return lambda made: any(n.op_type == "QuantizeLinear" and n.input[0].startswith(name) for n in made.graph.node)


def conv(weight: np.ndarray, *more: Any, group: int = 1, **weights: Any) -> onnx.ModelProto:
    made = node("Conv", ["x", "w", "b"][: 2 + ("b" in weights)], ["c" if more else "y"], group=group)
    dims = [1, weight.shape[1] * group, *(5,) * (weight.ndim - 2)]
    return net([made, *more], {"x": dims}, ["y"], w=weight, **weights)


def norm_in_parts() -> onnx.ModelProto:
    nodes = [node("ReduceMean", ["x", "last"], ["m"]), node("Sub", ["x", "m"], ["d"]), node("Pow", ["d", "two"], ["p"])]
    nodes += [node("ReduceMean", ["p", "last"], ["v"]), node("Add", ["v", "e"], ["a"]), node("Sqrt", ["a"], ["r"])]
    nodes += [node("Div", ["d", "r"], ["q"]), node("Mul", ["q", "g"], ["s"]), node("Add", ["s", "b"], ["y"])]
    numbers = {"two": 2.0, "e": 1e-5, "g": normal(8), "b": normal(8), "last": np.array([-1])}
    return net(nodes, {"x": [2, 8]}, ["y"], **numbers)


def length_in_parts() -> onnx.ModelProto:
    nodes = [node("ReduceL2", ["x", "last"], ["n"], keepdims=1), node("Clip", ["n", "e"], ["c"])]
    nodes += [node("Shape", ["x"], ["s"]), node("Expand", ["c", "s"], ["w"]), node("Div", ["x", "w"], ["y"])]
    return net(nodes, {"x": [2, 8]}, ["y"], e=1e-12, last=np.array([-1]))


def gelu_in_parts() -> onnx.ModelProto:
    nodes = [node("Div", ["x", "root"], ["d"]), node("Erf", ["d"], ["e"]), node("Add", ["e", "one"], ["a"])]
    nodes += [node("Mul", ["x", "a"], ["m"]), node("Mul", ["m", "half"], ["y"])]
    return net(nodes, {"x": [2, 8]}, ["y"], root=np.sqrt(2.0), one=1.0, half=0.5)


FUSED = QuantizationRules().fused
IN_PARTS = {
    "LayerNormalization": (norm_in_parts, "ReduceMean"),
    "Gelu": (gelu_in_parts, "Erf"),
    "LpNormalization": (length_in_parts, "ReduceL2"),
}


@pytest.mark.parametrize("operator", sorted(FUSED))
def test_an_operator_is_fused_from_its_parts_or_left_in_them(operator: str) -> None:
    """ONNX Runtime's optimizer, which folds constants before, fuses two of them by itself."""
    make, part = IN_PARTS[operator]
    given = make()
    ends = {}
    for fused in ({operator}, FUSED - {operator}):
        made = quantize_model(given, feeds(given), "w8a16", rules=QuantizationRules(fused=fused))
        ends[operator in fused] = kinds(made) & {operator, part}
    assert ends == {True: {operator}, False: {part}}


def test_parts_of_old_models_are_left_alone_too() -> None:
    """Opset 14, in which there is no LayerNormalization yet."""
    made = prepare(transformer(), rules=QuantizationRules(fused=()))
    assert not {"LayerNormalization", "Gelu"} & {unit.op_type for unit in made.units}
    fused = prepare(transformer(), rules=QuantizationRules(fused={"Gelu"}))
    assert {"Gelu", "ReduceMean"} <= {unit.op_type for unit in fused.units}


NORM = [node("Relu", ["x"], ["r"]), node("BatchNormalization", ["r", "g", "b", "m", "v"], ["y"])]
FOUR = {"g": normal(4), "b": normal(4), "m": normal(4), "v": np.abs(normal(4)) + 1}
IMAGE = {"x": [1, 4, 6, 6]}
CLIPPED = [node("Neg", ["x"], ["n"]), node("Clip", ["n", "low", "high"], ["c"]), node("Abs", ["c"], ["y"])]
VALUES = net([node("Gemm", ["x", "k"], ["y"])], {"x": [2, 8], "k": [8, 5]}, ["y"])
LOGARITHM = [node("Abs", ["x"], ["a"]), node("Add", ["a", "e"], ["s"]), node("Log", ["s"], ["y"])]
PADDED = [node("Sigmoid", ["x"], ["s"]), node("Pad", ["s", "pads", "n"], ["p"]), node("Neg", ["p"], ["y"])]
PADS = {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "n": 9.0}
PRODUCT = net([node("MatMul", ["x", "w"], ["y"])], {"x": [2, 8]}, ["y"], w=normal(8, 5))
NEARLY_DEAD = np.concatenate([normal(3, 4, 3, 3), 1e-6 * normal(1, 4, 3, 3)])

#: By rule: a network, a precision, two values, what is looked at, and what is seen with each.
SWITCHES: dict[str, tuple[onnx.ModelProto, str, Any, Any, Form, Any, Any]] = {
    "batch_normalization_as_conv": (
        *(net(NORM, IMAGE, ["y"], **FOUR), "w8a8", False, True, of_kinds("BatchNormalization", "Conv")),
        *({"BatchNormalization"}, {"Conv"}),
    ),
    "split_clips": (
        *(net(CLIPPED, IMAGE, ["y"], low=0.5, high=1.5), "w8a8", False, True, of_kinds("Max")),
        *(set(), {"Max"}),
    ),
    "matmul_for_gemm": (VALUES, "w8a8", False, True, kinds, {"Gemm"}, {"MatMul"}),
    "float_operators": (cnn(), "w8a8", (), ("Gemm",), stored("w3"), {TensorProto.INT8}, set()),
    "decades_in_float": (net(LOGARITHM, IMAGE, ["y"], e=1e-3), "w8a16", False, True, quantized("s"), True, False),
    "merged_activations": (
        *(conv(normal(4, 3, 3, 3), node("Relu", ["c"], ["y"])), "w8a8", False, True, of_kinds("Relu")),
        *({"Relu"}, set()),
    ),
    "pads_in_input_encoding": (
        *(net(PADDED, IMAGE, ["y"], **PADS), "w8a8", False, True, pads_alike),
        *(False, True),
    ),
    "fixed_ranges": (
        *(net([node("Sigmoid", ["x"], ["y"])], IMAGE, ["y"]), "w8a16", (), (FixedRange("Sigmoid", 0.0, 1.0),)),
        *(lambda made: float(scales(made, "y")) == 2.0**-16, False, True),
    ),
    "least_range": (
        *(net([node("Mul", ["x", "k"], ["y"])], IMAGE, ["y"], k=1e-6), "w8a8", 1e-9, 0.1),
        *(lambda made: float(scales(made, "y")) >= 0.1 / 256, False, True),
    ),
    "signed_activations": (cnn(), "w8a8", False, True, lambda made: str(zero_of(made, "s").dtype), "uint8", "int8"),
    "symmetric_activations": (cnn(), "w8a8", False, True, lambda made: int(zero_of(made, "s")), 0, 128),
    "unsigned_weights": (
        *(PRODUCT, "w8a8", True, False, stored("w")),
        *({TensorProto.UINT8}, {TensorProto.INT8}),
    ),
    "per_channel": (PRODUCT, "w8a8", {"Conv"}, {"Conv", "MatMul"}, count("w"), 1, 5),
    "per_channel_bits": (conv(normal(4, 3, 3, 3)), "w16a16", {8}, {8, 16}, count("w"), 1, 4),
    "weight_types": (
        *(PRODUCT, "w8a8", (), (WeightType("MatMul", "int16"),), stored("w")),
        *({TensorProto.UINT8}, {TensorProto.INT16}),
    ),
    "int4": (PRODUCT, "w4a16", {"Conv"}, {"MatMul"}, stored("w"), {TensorProto.INT8}, {TensorProto.INT4}),
    "int4_max_rank": (
        *(conv(normal(4, 2, 3, 3, 3)), "w4a16", 4, None, stored("w")),
        *({TensorProto.INT8}, {TensorProto.INT4}),
    ),
    "int4_single_values": (
        *(conv(normal(6, 1, 1, 1), group=6), "w4a16", False, True, stored("w")),
        *({TensorProto.INT8}, {TensorProto.INT4}),
    ),
    "int4_scale_with_bias": (
        *(conv(normal(1, 6, 3, 3), b=normal(1)), "w4a16", False, True, stored("w")),
        *({TensorProto.INT8}, {TensorProto.INT4}),
    ),
    "least_channel_scale": (
        *(conv(NEARLY_DEAD), "w8a8", 0.0, 2.0**-10),
        *(lambda made: float(scales(made, "w").min() / scales(made, "w").max()) < 2.0**-11, True, False),
    ),
    "equal_bias_steps": (
        *(conv(1e-4 * normal(4, 3, 3, 3), b=np.array([1e5, 1, 1, 1])), "w8a8", False, True),
        *(lambda made: len(set(scales(made, "w").tolist())), 4, 1),
    ),
}


def test_every_rule_is_tried() -> None:
    names = {field.name for field in attrs.fields(QuantizationRules)}
    assert names - {"fused"} == SWITCHES.keys()
    assert IN_PARTS.keys() == FUSED


@pytest.mark.parametrize("rule", SWITCHES)
def test_a_rule_gives_one_form_or_the_other(rule: str) -> None:
    model, precision, off, on, form, without, having = SWITCHES[rule]
    samples = feeds(model, 3)
    forms = [form(quantize_model(model, samples, precision, rules=QuantizationRules(**{rule: it}))) for it in (off, on)]
    assert forms == [without, having]


def test_what_lies_between_two_operators_in_float_stays_float() -> None:
    given = net([node("Abs", ["x"], ["a"]), node("Softplus", ["a"], ["s"]), node("Neg", ["s"], ["y"])], IMAGE, ["y"])
    rules = QuantizationRules(float_operators={"Abs", "Softplus"})
    assert not quantized("a")(quantize_model(given, feeds(given), "w8a8", rules=rules))
    assert quantized("a")(quantize_model(given, feeds(given), "w8a8"))


@pytest.mark.parametrize(
    ("kind", "symmetric", "scale", "zero"),
    [
        *(("uint8", False, 2**-8, 0), ("int8", False, 2**-8, -128), ("int8", True, 2**-7, 0)),
        *(("uint16", False, 2**-16, 0), ("int16", False, 2**-15, 0)),
    ],
)
def test_a_fixed_range_in_every_type(kind: str, symmetric: bool, scale: float, zero: int) -> None:
    """What TFLite's specification says of LOGISTIC in int8, and QNN's of 16 bits."""
    given = net([node("Sigmoid", ["x"], ["y"])], IMAGE, ["y"])
    rules = QuantizationRules(fixed_ranges=[FixedRange("Sigmoid", 0.0, 1.0)])
    made = quantize_model(given, feeds(given), Recipe(activation=kind, symmetric=symmetric), rules=rules)
    assert (float(scales(made, "y")), int(zero_of(made, "y"))) == (scale, zero)
    around = QuantizationRules(fixed_ranges=[FixedRange("Sigmoid", -1.0, 1.0, bits=(8,))])
    other = quantize_model(given, feeds(given), Recipe(activation=kind, symmetric=symmetric), rules=around)
    zeros = {"uint8": 128, "int8": 0}
    if kind in zeros:
        assert (float(scales(other, "y")), int(zero_of(other, "y"))) == (2.0**-7, zeros[kind])
    else:  # not for 16 bits
        assert float(scales(other, "y")) != scale


def test_presets_are_those_of_the_default_rules() -> None:
    assert {name: recipe(name) for name in PRESETS} == PRESETS


def test_a_prepared_model_carries_its_rules() -> None:
    rules = QuantizationRules(fused={"Gelu"}, weight_types=[WeightType("MatMul", "int16")], int4_max_rank=3)
    model = prepare(cnn(), rules=rules)
    assert prepared_by(model) == rules
    assert prepare(model) is model
    assert prepare(model, rules=rules) is model
    assert prepared_by(prepare(cnn())) == QuantizationRules()
    with pytest.raises(zif.UsageError, match="prepared by other rules"):
        prepare(model, rules="default")
    made = quantize_model(model, calibrate(model, feeds(cnn(), 2)))
    assert not any(entry.key.startswith("zif.") for entry in made.metadata_props)


@pytest.mark.parametrize("mark", ["1", '{"fused": "Gelu"}', '{"int4_max_rank": "four"}', '{"least_range": -1.0}'])
def test_a_mark_that_zif_did_not_write_is_told(mark: str) -> None:
    proto = cnn()
    proto.metadata_props.add(key="zif.prepared", value=mark)
    with pytest.raises(zif.InvalidModel, match=r"zif\.prepared"):
        quantize_model(proto, feeds(proto, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"fused": {"Softmax"}}, {"fused": "Gelu"}, {"float_operators": "Gemm"}, {"per_channel": {"PRelu"}}),
        *({"per_channel_bits": {5}}, {"least_range": 0.0}, {"least_channel_scale": 2.0}),
    ],
)
def test_rules_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        QuantizationRules(**wrong)


def test_documents_hold_plain_values() -> None:
    plain = as_json(QuantizationRules(fixed_ranges=[FixedRange("Tanh", -1.0, 1.0)]))
    assert plain["per_channel"] == ["Conv", "ConvTranspose", "Gemm"]
    assert plain["fixed_ranges"] == ({"op_type": "Tanh", "low": -1.0, "high": 1.0, "bits": (8, 16)},)


def test_encodings_that_are_applied_leave_a_relu_where_the_rules_keep_it() -> None:
    given = conv(normal(4, 3, 3, 3), node("Relu", ["c"], ["y"]))
    entries = (("x", 0.02, 128), ("y", 0.1, 0))
    encodings = Encodings(tuple(Encoding(n, "activation", "uint8", (scale,), (zero,)) for n, scale, zero in entries))
    seen = {}
    for merged in (True, False):
        made = apply(prepare(given, rules=QuantizationRules(merged_activations=merged)), encodings)
        seen[merged] = "Relu" in kinds(made.model)
    assert seen == {True: False, False: True}


@pytest.mark.parametrize("form", FORMATS)
def test_scales_per_column_of_a_matmul_come_back_from_a_file(form: str, tmp_path: Path) -> None:
    model = prepare(PRODUCT, rules=QuantizationRules(per_channel={"MatMul"}))
    made = quantize_model(model, feeds(PRODUCT, 3))
    (tmp_path / "e.json").write_text(json.dumps(write(export(made), form)))
    again = apply(model, read(tmp_path / "e.json")).model
    assert scales(again, "w").shape == (5,)
    np.testing.assert_array_equal(scales(again, "w"), scales(made, "w"))
