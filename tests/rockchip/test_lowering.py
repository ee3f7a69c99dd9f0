"""Models of newer opsets in the words of opset 19, or the reason why not."""

from __future__ import annotations

import onnx
import pytest
from rockchip.models import model
from zif_rockchip import graph, lowering


def test_a_newer_model_means_the_same_in_the_older_words() -> None:
    made = model(
        """g (float[1,1,3,3] x, float[1,2,2,2] grid) => (float[1,1,2,2] y) {
        s = GridSample<mode = "linear">(x, grid)
        y = Relu(s)
    }""",
        22,
    )
    lowered = onnx.load_model_from_string(graph.build(made).data)
    assert lowering.opset_of(lowered) == 19
    onnx.checker.check_model(lowered)
    assert [attribute.s for attribute in lowered.graph.node[0].attribute] == [b"bilinear"]


@pytest.mark.parametrize(
    ("text", "opset", "reason"),
    [
        ("g (float[2] x) => (float[2] y) { y = Gelu(x) }", 20, "Gelu is newer"),
        (
            "g (float[1,4,2,2] x, float[4] s, float[4] b) => (float[1,4,2,2] y)"
            " { y = GroupNormalization<num_groups = 2>(x, s, b) }",
            21,
            "GroupNormalization means something else",
        ),
        ("g (bfloat16[2] x) => (bfloat16[2] y) { y = Elu(x) }", 22, "did not take tensor(bfloat16) then"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(text: str, opset: int, reason: str) -> None:
    made = model(text, opset)
    said = [graph.ruled_out(made, unit) for unit in made.units]
    if len(made.units) > 1:
        pytest.skip("this onnx takes the operator apart, and nothing is left to refuse")
    ((code, sentence),) = [one for one in said if one]
    assert code == "opset"
    assert reason in sentence
    assert f"the model has {opset}" in sentence


def test_an_attribute_at_its_default_does_not_stand_in_the_way() -> None:
    made = model("g (float[2] x) => (int32[2] y) { y = Cast<to = 6, saturate = 1>(x) }", 21)
    assert graph.ruled_out(made, made.units[0]) is None


def test_open_shapes_scalars_and_chance_are_refused_without_asking() -> None:
    made = model("g (float[N,3] x) => (float[N,3] y) { y = Relu(x) }")
    assert graph.ruled_out(made, made.units[0])[0] == "dynamic-shape"  # type: ignore[index]
    scalar = model("g (float[2] x, float m) => (float[2] y) { y = Mul(x, m) }")
    assert [one.code for one in graph.edges(scalar)] == ["rank"]
    double = model("g (double[2] x) => (double[2] y) { y = Neg(x) }")
    assert {one.code for one in graph.edges(double)} == {"dtype"}
    chance = model("g (float[2] x) => (float[2] y) { y = Bernoulli(x) }")
    if len(chance.units) == 1:
        assert graph.ruled_out(chance, chance.units[0])[0] == "op"  # type: ignore[index]


def test_names_go_there_and_back() -> None:
    made = model("g (float[2,3] x) => (float[2,3] y) { a = Relu(x)\n y = Abs(a) }")
    built = graph.build(made)
    assert built.inputs == ("x",)
    assert built.outputs == ("y",)
    assert built.named("KeyError at zifn1_2conv0 and zifn0") == [made.units[1].id, made.units[0].id]
    assert built.named("zifn10") == []
    assert built.translated("The input 1 of Abs('zifn1')") == f"The input 1 of Abs('{made.units[1].id}')"


def test_a_dropout_that_does_nothing_is_no_operator() -> None:
    made = model("g (float[2] x) => (float[2] y) { d, m = Dropout<ratio = 0.5>(x)\n y = Relu(d) }", 9)
    lowered = onnx.load_model_from_string(graph.build(made).data)
    assert [node.op_type for node in lowered.graph.node] == ["Identity", "Relu"]
    kept = model("g (float[2] x) => (float[2] y, bool[2] m) { y, m = Dropout(x) }")
    lowered = onnx.load_model_from_string(graph.build(kept).data)
    assert [node.op_type for node in lowered.graph.node] == ["Dropout"]
