"""A model with open dimensions: the plan names the command that lets the other backends take part."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import TensorProto, helper
from zif.model import Model
from zif.planning.hints import open_dimensions
from zif.records import Verdict

OPEN, TAKEN = Verdict(False, code="dynamic-shape", reason="open"), Verdict(True)


def model(*shape: Any) -> Model:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "one", ends[:1], ends[1:])
    return Model.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))


@pytest.mark.parametrize(
    ("shape", "command"),
    [
        (("N", 3, None, None), "--shape x=1,3,224,224"),
        ((1, 3, "height", 64), "--shape x=1,3,224,64"),
        (("batch", 7), "--shape x=1,7"),
        (("N", "height", "width", 3), "--shape x=1,224,224,3"),
    ],
)
def test_the_command_keeps_what_is_fixed(shape: tuple[Any, ...], command: str) -> None:
    (told,) = open_dimensions(model(*shape), ["npu", "cpu"], [[OPEN, TAKEN]])
    assert told.endswith(command)
    assert "1 units off npu" in told


def test_silent_when_shapes_are_fixed() -> None:
    assert open_dimensions(model(1, 7), ["npu"], [[OPEN]]) == ()


def test_without_figures_only_the_refusals_are_told() -> None:
    (told,) = open_dimensions(model("N", 7), ["npu"], [[OPEN]], guessed=False)
    assert told == "open dimensions keep 1 units off npu: x (N, 7). Fix them, for example with --shape x=1,7"
    assert open_dimensions(model("N", 7), ["cpu"], [[TAKEN]], guessed=False) == ()


def test_what_is_guessed_is_said_even_where_nobody_minds() -> None:
    (told,) = open_dimensions(model("N", 7), ["cpu"], [[TAKEN]])
    assert told.startswith("open dimensions make the times and sizes of this plan too small")
    assert told.endswith("x (N, 7). Fix them, for example with --shape x=1,7")
