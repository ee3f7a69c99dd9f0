"""Where nobody knows the type of a value, its maker and its readers stay together."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import pytest
from onnx import TensorProto, helper
from zif.errors import Unsupported
from zif.model import Model
from zif.planning.inseparable import wholes

from tests.planning.boards import CPU, Paper, fast, planner


def strange(*nodes: tuple[str, Sequence[str], Sequence[str]]) -> Model:
    """x → nodes → y; operators that begin with My are of nobody's domain, and so nobody knows what they make."""
    made = [
        helper.make_node(op, ins, outs, f"{op}_{outs[0]}", domain="my.ops" if op.startswith("My") else "")
        for op, ins, outs in nodes
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph(made, "strange", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    return Model.load(helper.make_model(graph, opset_imports=opsets, ir_version=9))


def test_maker_and_reader_share_a_segment_though_apart_would_be_quicker() -> None:
    model = strange(("Exp", ["x"], ["a"]), ("MyOp", ["a"], ["b"]), ("Relu", ["b"], ["c"]), ("Exp", ["c"], ["y"]))
    assert model.tensors["b"].type == ""
    cpu = Paper({"Exp": 1.0, "MyOp": 1.0, "Relu": 1000.0})
    plan = planner(model, {"cpu": cpu, "npu": fast("Exp", "MyOp", us=1.0)}).plan()
    by_op = {unit.op_type: unit for unit in plan.units}
    assert by_op["Relu"].backend == by_op["MyOp"].backend == "cpu"
    assert by_op["Relu"].segment == by_op["MyOp"].segment
    for segment in plan.segments:
        model.slice(segment.units, "part")  # every segment can be cut out


def test_what_lies_between_them_comes_along() -> None:
    model = strange(
        ("MyOp", ["x"], ["a"]), ("Relu", ["x"], ["d"]), ("MySum", ["a", "b"], ["y"]), ("MyTwo", ["x", "a"], ["b"])
    )
    groups = [{model.units[row].op_type for row in group} for group in wholes(model)]
    assert groups == [{"MyOp", "MySum", "MyTwo"}]


def test_a_known_way_round_comes_along() -> None:
    nodes = [
        helper.make_node("MyOp", ["x"], ["a", "k"], "my", domain="my.ops"),
        helper.make_node("Exp", ["k"], ["e"], "detour"),
        helper.make_node("Add", ["a", "e"], ["y"], "end"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y", "k", "e")]
    graph = helper.make_graph(nodes, "round", ends[:1], ends[1:2], value_info=ends[2:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    model = Model.load(helper.make_model(graph, opset_imports=opsets, ir_version=9))
    plan = planner(model, {"cpu": CPU, "npu": fast("MyOp", us=1.0)}).plan()
    assert {unit.backend for unit in plan.units} == {"cpu"}
    assert len(plan.segments) == 1


def test_without_a_common_home_the_error_says_what_helps() -> None:
    model = strange(("MyOp", ["x"], ["b"]), ("Relu", ["b"], ["y"]))
    with pytest.raises(Unsupported) as refused:
        planner(model, {"one": fast("MyOp"), "other": fast("Relu")}).plan()
    text = str(refused.value)
    assert "'b'" in text
    assert "my.ops.MyOp" in text
    assert "value_info" in text
    assert "--custom-ops" in text


def test_models_of_known_types_are_as_before() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], "r")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:]), ir_version=9)
    assert isinstance(model, onnx.ModelProto)
    assert wholes(Model.load(model)) == []
