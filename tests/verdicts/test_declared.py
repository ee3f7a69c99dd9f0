"""A table against models: every code, the sentences, bodies, quantized groups, unknown types, wildcards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
import pytest
import zif
from onnx import TensorProto, helper, parser
from zif import OpClaim, Verdict
from zif.model.signatures import Signature
from zif.verdicts.declared import Claims, declared

FLOAT = frozenset({"tensor(float)"})


def model(text: str, opset: int = 18, extra: str = "") -> zif.Model:
    return zif.Model.load(parser.parse_model(f'<ir_version: 9, opset_import: ["" : {opset}{extra}]> {text}'))


def only(given: zif.Model, *claims: OpClaim, **more: Any) -> Verdict:
    (verdict,) = declared(given, claims, engine="it", **more).values()
    return verdict


ADD = "g (float[2] a, float[2] b) => (float[2] y) { y = Add(a, b) }"


def test_taken() -> None:
    assert only(model(ADD), OpClaim("Add", types={"T": FLOAT})) == Verdict(True)


def test_no_such_operator() -> None:
    assert only(model(ADD), OpClaim("Mul")) == Verdict(False, "declared", "op", "it has no operator Add")


def test_version_of_the_operator_not_of_the_opset() -> None:
    given = model(ADD)  # Add last changed in 14
    assert only(given, OpClaim("Add", since=14, until=14)).supported
    refused = only(given, OpClaim("Add", since=7, until=12), OpClaim("Add", since=13, until=13))
    assert (refused.code, refused.reason) == (
        "opset",
        "it has Add in version 7 to 12, 13, and the model uses version 14",
    )
    assert (
        only(given, OpClaim("Add", since=15)).reason
        == "it has Add in version 15 and later, and the model uses version 14"
    )


def test_type_names_the_constraint_and_what_is_taken() -> None:
    given = model("g (int8[2] a, int8[2] b) => (int8[2] y) { y = Add(a, b) }")
    refused = only(
        given, OpClaim("Add", types={"T": FLOAT}), OpClaim("Add", types={"T": frozenset({"tensor(double)"})})
    )
    assert refused.code == "dtype"
    assert (
        refused.reason == "it has Add version 14 for T = tensor(double), tensor(float), and the model has tensor(int8)"
    )


def test_type_sentence_is_of_the_rows_that_come_closest() -> None:
    given = model("g (int8[2] x) => (float[2] y) { y = Cast<to=1>(x) }")
    near = OpClaim("Cast", types={"T1": frozenset({"tensor(int8)"}), "T2": frozenset({"tensor(int32)"})})
    far = OpClaim("Cast", types={"T1": FLOAT, "T2": frozenset({"tensor(int64)"})})
    assert "T2 = tensor(int32), and the model has tensor(float)" in only(given, far, near).reason


def test_a_parameter_can_be_named_instead_of_a_constraint() -> None:
    given = model("g (float[1,2] a, float[2,1] b) => (float[1,1] y) { y = MatMul(a, b) }")
    assert only(given, OpClaim("MatMul", types={"A": FLOAT})).supported
    assert only(given, OpClaim("MatMul", types={"B": frozenset({"tensor(int8)"})})).code == "dtype"


def test_rank_of_a_row_and_of_the_table() -> None:
    given = model("g (float[1,2,3] x) => (float[1,2,3] y) { y = Relu(x) }")
    assert only(given, OpClaim("Relu", max_rank=3)).supported
    assert (
        only(given, OpClaim("Relu", max_rank=2)).reason
        == "it has Relu for at most 2 dimensions, and a tensor here has 3"
    )
    assert only(given, OpClaim("Relu"), max_rank=2).code == "rank"
    assert only(given, OpClaim("Relu", max_rank=2), OpClaim("Relu", max_rank=4)).supported


def test_unknown_type_is_unknown_unless_every_type_is_taken() -> None:
    text = "g (seq(float[2,2]) s, int64 i, int64[2] n) => (y) { x = SequenceAt(s, i) y = ReverseSequence(x, n) }"
    given = model(text)
    given.tensors["x"]  # the test is about a value whose type inference does not know
    unit = next(unit for unit in given.units if unit.op_type == "ReverseSequence")
    node = given.proto.graph.node[unit.nodes[0]]
    open_types = {**given.tensors, "x": zif.TensorInfo("x"), "y": zif.TensorInfo("y")}

    def said(*claims: OpClaim) -> Verdict:
        return Claims(claims, engine="it").node(node, unit.op_type, "", unit.since, open_types)

    partly = said(OpClaim("ReverseSequence", types={"T": FLOAT}))
    assert (partly.supported, partly.code) == (None, "dtype")
    assert partly.reason == "the type of T of ReverseSequence is not known before running"
    every = onnx.defs.get_schema("ReverseSequence").type_constraints[0].allowed_type_strs
    assert said(*(OpClaim("ReverseSequence", types={"T": frozenset({kind})}) for kind in every)).supported
    assert said(OpClaim("ReverseSequence")).supported


def test_optional_input_left_out_is_no_unknown_type() -> None:
    given = model("g (float[2,3] x, float u) => (float[2,3] y) { y = Clip(x, , u) }")
    assert only(given, OpClaim("Clip", types={"T": FLOAT, "min": FLOAT})).supported


def test_wildcards() -> None:
    given = model(ADD)
    assert only(given, OpClaim("*")).supported
    assert only(given, OpClaim("*", domain="*")).supported
    assert only(given, OpClaim("*", domain="com.example")).code == "op"


def custom() -> zif.Model:
    node = helper.make_node("Twist", ["x"], ["y"], domain="com.example")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    return zif.Model.load(helper.make_model(graph, opset_imports=opsets, ir_version=9))


def test_domain_without_schemas() -> None:
    given = custom()
    assert only(given, OpClaim("Twist")).reason == "it has no operator com.example.Twist"
    assert only(given, OpClaim("Twist", "com.example")).supported
    unsure = only(given, OpClaim("Twist", "com.example", types={"T": FLOAT}))
    assert (unsure.supported, unsure.reason[:16]) == (None, "no schema says w")


def test_schemas_of_other_domains_can_be_given() -> None:
    def lookup(op_type: str, domain: str, since: int) -> Signature:
        return Signature((("x", "T"),), (("y", "T"),), types={"T": FLOAT})

    given = custom()
    assert only(given, OpClaim("Twist", "com.example", types={"T": FLOAT}), signatures=lookup).supported
    int8 = OpClaim("Twist", "com.example", types={"T": frozenset({"tensor(int8)"})})
    assert only(given, int8, signatures=lookup).code == "dtype"


BRANCHES = """g (float[2] x, bool c) => (float[2] y) {
    k = Exp(x)
    y = If (c) <
        then_branch = t () => (float[2] p) { q = Sin(k) p = Neg(q) },
        else_branch = e () => (float[2] r) { r = Abs(x) }
    >
}"""


@pytest.mark.parametrize("missing", ["Sin", "Neg", "Abs", "If"])
def test_every_node_of_a_body_counts(missing: str) -> None:
    claims = [OpClaim(op) for op in ("Exp", "If", "Sin", "Neg", "Abs") if op != missing]
    verdicts = declared(model(BRANCHES), claims, engine="it")
    (refused,) = (verdict for verdict in verdicts.values() if not verdict.supported)
    where = "" if missing == "If" else "in the body of If: "
    assert (refused.code, refused.reason) == ("op", f"{where}it has no operator {missing}")


def test_types_inside_a_body_are_known() -> None:
    claims = [OpClaim(op) for op in ("Exp", "If", "Sin", "Neg")] + [
        OpClaim("Abs", types={"T": frozenset({"tensor(int8)"})})
    ]
    refused = [verdict for verdict in declared(model(BRANCHES), claims, engine="it").values() if not verdict.supported]
    assert [verdict.code for verdict in refused] == ["dtype"]
    assert refused[0].reason.endswith("for T = tensor(int8), and the model has tensor(float)")


def quantized() -> zif.Model:
    return model("""g (uint8[1,4] x) => (uint8[1,4] y) <float s = {0.1}, uint8 z = {3}> {
        f = DequantizeLinear(x, s, z)
        r = Sigmoid(f)
        y = QuantizeLinear(r, s, z)
    }""")


@pytest.mark.parametrize("missing", ["DequantizeLinear", "QuantizeLinear", "Sigmoid"])
def test_a_quantized_group_needs_every_node(missing: str) -> None:
    given = quantized()
    assert [len(unit.nodes) for unit in given.units] == [3]
    operators = ("DequantizeLinear", "QuantizeLinear", "Sigmoid")
    assert only(given, *map(OpClaim, operators)).supported
    refused = only(given, *(OpClaim(op) for op in operators if op != missing))
    where = "" if missing == "Sigmoid" else "in the quantized group around Sigmoid: "
    assert refused.reason == f"{where}it has no operator {missing}"


def test_one_verdict_for_equal_units() -> None:
    """What makes 100,000 units cheap: the table is consulted once for each way in which an operator is used."""
    looked_up: list[str] = []

    def lookup(op_type: str, domain: str, since: int) -> None:
        looked_up.append(op_type)

    text = "g (float[2] v0) => (float[2] v50) {" + "".join(f"v{i + 1} = Tanh(v{i})" for i in range(50)) + "}"
    verdicts = declared(model(text), [OpClaim("Tanh")], signatures=lookup)
    assert (len(verdicts), looked_up) == (50, ["Tanh"])


def test_public_name() -> None:
    answer: Mapping[str, Verdict] = zif.declared(model(ADD), [OpClaim("Add")])
    assert [verdict.supported for verdict in answer.values()] == [True]
