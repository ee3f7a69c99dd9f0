"""Attributes of nodes as Python values."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper
from zif.model.attributes import attribute, attribute_list, attributes

BODY = helper.make_graph([], "body", [], [])
TENSOR = helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0])
TYPE = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
VALUES = {
    **{"i": 3, "f": 0.5, "s": "SAME_UPPER", "ints": [1, 2], "floats": [0.5, 1.0], "strings": ["a", "ß"]},
    **{"t": TENSOR, "g": BODY, "tp": TYPE, "tensors": [TENSOR], "graphs": [BODY], "tps": [TYPE]},
}
NODE = helper.make_node("Op", ["x"], ["y"], **VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_of_value(name: str) -> None:
    assert attribute(NODE, name) == VALUES[name]
    assert type(attribute(NODE, name)) is type(VALUES[name])


def test_all_that_a_node_sets() -> None:
    assert attributes(NODE) == VALUES


def test_what_is_not_set_is_the_default() -> None:
    assert attribute(NODE, "axis") is None
    assert attribute(NODE, "axis", 1) == 1
    assert attribute_list(NODE, "pads") == []
    assert attribute_list(NODE, "ints") == [1, 2]


def test_what_has_another_type_than_it_should_is_the_default() -> None:
    assert attribute(NODE, "s", 1) == 1
    assert attribute(NODE, "i", "NOTSET") == "NOTSET"
    assert attribute_list(NODE, "i") == []


def test_what_a_function_takes_from_its_caller_is_not_set() -> None:
    node = onnx.NodeProto(op_type="Op")
    node.attribute.append(onnx.AttributeProto(name="axis", type=onnx.AttributeProto.INT, ref_attr_name="axis"))
    assert attribute(node, "axis", 7) == 7
    assert attributes(node) == {}


def test_text_that_is_none_and_a_value_without_a_type_harm_nobody() -> None:
    node = onnx.NodeProto(op_type="Op")
    node.attribute.append(onnx.AttributeProto(name="s", type=onnx.AttributeProto.STRING, s=b"\xff"))
    node.attribute.append(onnx.AttributeProto(name="none"))
    assert attribute(node, "s", "") == "\ufffd"
    assert attribute(node, "none", 2) == 2
