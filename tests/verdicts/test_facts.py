"""The words in which rules are written, on nodes that show each of them."""

from __future__ import annotations

import zif
from onnx import parser
from zif.verdicts.facts import unit_facts


def facts(body: str, inputs: str, outputs: str = "y", opset: int = 18, weights: str = "") -> frozenset[str]:
    text = f'<ir_version: 9, opset_import: ["" : {opset}]> g ({inputs}) => ({outputs}) {weights} {{ {body} }}'
    model = zif.Model.load(parser.parse_model(text))
    return unit_facts(model, model.units[-1])


def test_attributes_with_their_defaults() -> None:
    found = facts("y = Softmax(x)", "float[2,3] x")
    assert "axis=-1" in found
    assert "axis=1" in facts("y = Softmax<axis=1>(x)", "float[2,3] x")


def test_attribute_lists() -> None:
    padded = facts("y = MaxPool<kernel_shape=[2,2], pads=[0,0,1,1]>(x)", "float[1,1,4,4] x")
    assert {
        "pads set",
        "pads nonzero",
        "pads uneven",
        "pads=[0, 0, 1, 1]",
        "kernel_shape even",
        "dilations unset",
    } <= padded
    assert {"pads zero", "pads even"} <= facts("y = MaxPool<kernel_shape=[2,2], pads=[0,0,0,0]>(x)", "float[1,1,4,4] x")


def test_types_shapes_and_what_is_constant() -> None:
    found = facts("y = Add(x, w)", "double[2,3] x", weights="<double[3] w = {1, 2, 3}>")
    assert {"T=double", "rank(A)=2", "rank(B)=1", "A computed", "B constant", "B several"} <= found
    assert {"A and B differ in shape", "since=14", "quantized=no"} <= found
    assert "A and B share a shape" in facts("y = Add(x, x)", "float[2,3] x")


def test_optional_inputs_and_outputs() -> None:
    found = facts("y = Clip(x, , u)", "float[2] x, float u")
    assert {"min missing", "max given", "max single"} <= found
    assert {"mask wanted"} <= facts("y, m = Dropout(x)", "float[2] x", "y, m")
    assert {"mask unwanted"} <= facts("y = Dropout(x)", "float[2] x")


def test_sizes() -> None:
    assert "output shrinks" in facts("y = ReduceSum(x)", "float[2,3] x", "float[1,1] y")
    assert "output grows" in facts("y = Expand(x, s)", "float[1] x", "float[4] y", weights="<int64[1] s = {4}>")
    assert {"X empty"} <= facts("y = Relu(x)", "float[0,3] x")
    assert {"X dynamic"} <= facts("y = Relu(x)", "float[N,3] x")


def test_values_that_are_no_tensors() -> None:
    assert {"gives seq"} <= facts("y = SequenceConstruct(x)", "float[2] x", "seq(float[2]) y")
    assert {"takes seq"} <= facts("y = SequenceLength(x)", "seq(float[2]) x", "int64 y")


def test_what_a_loop_collects() -> None:
    body = "b (int64 i, bool p) => (bool q, float[2,3] s) { q = Identity(p) s = Neg(x) }"
    found = facts(f"y = Loop (n, c) <body = {body}>", "int64 n, bool c, float[2,3] x", "float[K,2,3] y")
    assert "scan output rank=2" in found


def test_quantized_group() -> None:
    found = facts(
        "f = DequantizeLinear(x, s, z) r = Sigmoid(f) y = QuantizeLinear(r, s, z)",
        "uint8[1,4] x",
        "uint8[1,4] y",
        weights="<float s = {0.1}, uint8 z = {3}>",
    )
    assert {"quantized=int8", "T=float"} <= found
