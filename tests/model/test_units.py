"""Units: what they read and give, sizes, precision, versions, bodies."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from model.graphs import model, relu, weights
from onnx import TensorProto, helper
from strategies import models
from zif.model import installed_onnx, load


def test_a_plain_node() -> None:
    proto = model("g (float[2, 4] x) => (float[2, 3] y) { y = MatMul(x, w) }")
    proto.graph.initializer.append(weights("w", 4, 3))
    loaded = load(proto)
    (unit,) = loaded.units
    assert (unit.id, unit.op_type, unit.domain, unit.since, unit.nodes) == ("MatMul_0", "MatMul", "", 13, (0,))
    assert (unit.inputs, unit.outputs, unit.weights) == (("x",), ("y",), ("w",))
    assert (unit.macs, unit.bytes, unit.weight_bytes, unit.precision) == (24, 4 * (8 + 6), 48, "fp32")


def test_a_body_counts_as_what_it_reads() -> None:
    proto = model(
        """g (float[8, 4] x, float[8, 4] far, bool c) => (float[8, 5] y) {
        y = If(c) <
            then_branch = t () => (float[8, 5] p) { q = Add(x, far) p = MatMul(q, w) },
            else_branch = e () => (float[8, 5] r) {
                r = If(c) <then_branch = tt () => (float[8, 5] u) { k = MatMul(x, w) u = MatMul(k, v) },
                           else_branch = ee () => (float[8, 5] o) { o = MatMul(far, w) }> }> }"""
    )
    proto.graph.initializer.extend([weights("w", 4, 5), weights("v", 5, 5)])
    (unit,) = load(proto).units
    assert unit.inputs == ("c", "x", "far")
    assert set(unit.weights) == {"w", "v"}
    assert unit.macs == 8 * 4 * 5 + 8 * 5 * 5  # the dearest branch: the inner then
    assert unit.weight_bytes == 4 * (20 + 25)


def test_a_scan_counts_every_step() -> None:
    text = """g (float[7, 2, 4] x, float[2, 4] s) => (float[2, 4] y, float[7, 2, 4] z) {
        y, z = Scan<num_scan_inputs = 1,
            body = b (float[2, 4] h, float[2, 4] i) => (float[2, 4] k, float[2, 4] o)
                { a = MatMul(i, w) k = Add(a, h) o = Identity(k) }>(s, x) }"""
    proto = model(text)
    proto.graph.initializer.append(weights("w", 4, 4))
    (unit,) = load(proto).units
    assert unit.macs == 7 * 2 * 4 * 4
    assert unit.weights == ("w",)


def test_weights_inside_a_body_count() -> None:
    inner = weights("inner", 4)
    made = helper.make_tensor_value_info("t", TensorProto.FLOAT, [4])
    branch = helper.make_graph([helper.make_node("Add", ["x", "inner"], ["t"])], "b", [], [made], [inner])
    proto = relu([4])
    proto.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    proto.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))
    unit = load(proto).units[1]
    assert (unit.inputs, unit.weights, unit.weight_bytes) == (("c", "x"), (), 32)


@pytest.mark.parametrize(
    ("element", "word", "size"),
    [
        ("float", "fp32", 32),
        ("float16", "fp16", 16),
        ("double", "fp64", 64),
        ("bfloat16", "bf16", 16),
        ("int64", "int64", 64),
        ("uint8", "int8", 8),
        ("int16", "int16", 16),
        ("bool", "bool", 8),
        ("string", "string", 256),
        ("float8e4m3fn", "fp8", 8),
        pytest.param("float4e2m1", "fp4", 4, marks=pytest.mark.needs(dtype="float4_e2m1fn")),
        ("int4", "int4", 4),
        pytest.param("uint2", "int2", 2, marks=pytest.mark.needs(dtype="uint2")),
    ],
)
def test_every_element_type_has_a_precision_and_a_size(element: str, word: str, size: int) -> None:
    kind = onnx.TensorProto.DataType.Value(element.upper())
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", kind, [3, 3])],
        [helper.make_tensor_value_info("y", kind, None)],
    )
    (unit,) = load(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", min(26, installed_onnx.NEWEST_OPSET))])
    ).units
    assert (unit.precision, unit.bytes) == (word, 2 * ((9 * size + 7) // 8))


def test_precision_is_that_of_the_arithmetic() -> None:
    proto = model(
        """g (uint8[2, 4] a, float16[2, 4] h, int64[2] i) => (int32[2, 3] y, int64[2] s, float16[2, 4] g) {
        y = MatMulInteger(a, b) s = Shape(y2) y2 = Identity(h) g = Gather(h, i) }"""
    )
    proto.graph.initializer.append(weights("b", 4, 3, dtype="uint8"))
    found = {unit.op_type: unit.precision for unit in load(proto).units}
    assert found["MatMulInteger"] == "int8"
    assert found["Gather"] == "fp16"


def test_values_that_are_no_tensors() -> None:
    proto = model(
        """g (float[2] x, float[3] z) => (seq(float[?]) s, float[?] c) {
        s = SequenceConstruct(x, z) c = ConcatFromSequence<axis = 0>(s) }""".replace("[?]", "[]")
    )
    loaded = load(proto)
    assert loaded.tensors["s"].type == "seq(tensor(float))"
    assert loaded.tensors["s"].shape is None
    assert loaded.units[0].bytes is None
    optional = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [2]))
    mapped = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["o"], ["p"]),
            helper.make_node("DictVectorizer", ["m"], ["v"], domain="ai.onnx.ml"),
        ],
        "g",
        [onnx.ValueInfoProto(name="o", type=optional), onnx.ValueInfoProto(name="m", type=mapped)],
        [onnx.ValueInfoProto(name="p", type=optional), helper.make_tensor_value_info("v", TensorProto.FLOAT, None)],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    loaded = load(helper.make_model(graph, opset_imports=imports, ir_version=8))
    assert [value.type for value in loaded.inputs] == ["optional(tensor(float))", "map(int64,tensor(float))"]


def test_a_value_that_nobody_reads_is_not_given_out() -> None:
    proto = model("g (float[2, 4] x) => (float[2, 4] y) { y, mask = Dropout(x) dead = Neg(x) }")
    loaded = load(proto)
    assert [unit.outputs for unit in loaded.units] == [("y",), ("dead",)]


def test_unknown_dimensions_count_as_one_and_sizes_are_unknown() -> None:
    proto = model("g (float[N, 4] x) => (float[N, 3] y) { y = MatMul(x, w) }")
    proto.graph.initializer.append(weights("w", 4, 3))
    (unit,) = load(proto).units
    assert (unit.macs, unit.bytes, unit.weight_bytes) == (12, None, 48)
    assert load(proto, {"x": [5, 4]}).units[0].macs == 60


def test_element_types_come_from_declarations_where_nothing_infers_them() -> None:
    proto = model(
        "g (float[3, 2] x) => (int64[3] l, float[?] z) { l, p = ai.onnx.ml.SVMClassifier<classlabels_ints = [0, 1]>(x) "
        "z = Relu(p) }".replace("[?]", "[]"),
        imports='"ai.onnx.ml": 1',
    )
    loaded = load(proto)
    assert loaded.tensors["p"].type == "tensor(float)"
    assert loaded.tensors["z"].type == "tensor(float)"
    assert loaded.slice([loaded.units[1].id], "s").inputs[0].name == "p"


@given(models())
def test_units_are_sorted_and_cover_every_node_once(proto: onnx.ModelProto) -> None:
    loaded = load(proto)
    covered = [index for unit in loaded.units for index in unit.nodes]
    assert sorted(covered) == list(range(len(loaded.proto.graph.node)))
    known = {value.name for value in loaded.inputs}
    for unit in loaded.units:
        assert known.issuperset(unit.inputs)
        assert set(unit.weights) <= set(loaded.initializers)
        assert loaded.unit(unit.id) is unit
        known.update(unit.outputs)
    assert known.issuperset(value.name for value in loaded.outputs)
    for position, unit in enumerate(loaded.units):
        assert all(loaded.producers[name] == position for name in unit.outputs)
        assert all(position in loaded.consumers[name] for name in unit.inputs)
