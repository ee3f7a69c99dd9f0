"""What a kernel refuses is told as the values' fault, with the node; what it does wrong itself stays its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper
from onnx.reference.ops.op_add import Add
from zif.plugin import EngineRefused


def model(nodes: list[onnx.NodeProto], *shapes: Any) -> onnx.ModelProto:
    """Inputs x and i, of no known shape as a rule."""
    types = (TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT)
    values = [
        helper.make_tensor_value_info(name, kind, list(shape) if shape else None)
        for name, kind, shape in zip("xiy", types, (*shapes, None, None, None), strict=False)
    ]
    graph = helper.make_graph(nodes, "g", values[:2], values[2:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(
    ("node", "i"),
    [
        (helper.make_node("Gather", ["x", "i"], ["y"], "pick"), [9]),
        (helper.make_node("Reshape", ["x", "i"], ["y"], "pick"), [7, 7]),
        (helper.make_node("Expand", ["x", "i"], ["y"], "pick"), [5]),
        (helper.make_node("Tile", ["x", "i"], ["y"], "pick"), [-1]),
    ],
    ids=lambda case: getattr(case, "op_type", ""),
)
def test_values_that_do_not_go_together(node: onnx.NodeProto, i: list[int]) -> None:
    with (
        zif.load(model([node]), only=["reference"], cache=False) as session,
        pytest.raises(zif.InvalidInput, match=r"node 'pick' \(\w+\) cannot compute these values: "),
    ):
        session.run({"x": np.ones(3, np.float32), "i": np.array(i)})


def test_inside_a_body_the_inner_node_is_named() -> None:
    inner = helper.make_node("Gather", ["x", "i"], ["b"], "inner")
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    branch = helper.make_graph([inner], "body", [], [out])
    nodes = [
        helper.make_node("ReduceMax", ["i"], ["m"], "max", keepdims=0),
        helper.make_node("Cast", ["m"], ["c"], "cast", to=TensorProto.BOOL),
        helper.make_node("If", ["c"], ["y"], "if", then_branch=branch, else_branch=branch),
    ]
    with (
        zif.load(model(nodes), only=["reference"], cache=False) as session,
        pytest.raises(zif.InvalidInput, match="node 'inner' \\(Gather\\)"),
    ):
        session.run({"x": np.ones(3, np.float32), "i": np.array([9])})


def test_attributes_that_a_kernel_refuses_are_the_models() -> None:
    nodes = [
        helper.make_node("Cast", ["i"], ["u"], "cast", to=TensorProto.UINT8),
        helper.make_node("BitShift", ["u", "u"], ["s"], "shift", direction="link"),
        helper.make_node("Cast", ["s"], ["y"], "back", to=TensorProto.FLOAT),
    ]
    with pytest.raises(zif.InvalidModel, match=r"node 'shift' \(BitShift\) is invalid: .*link"):
        zif.load(model(nodes), only=["reference"], cache=False)


def test_what_the_evaluator_does_not_have_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: Any, **__: Any) -> Any:
        raise NotImplementedError("not yet")

    monkeypatch.setattr(Add, "_run", lacking)
    net = model([helper.make_node("Add", ["x", "x"], ["y"], "add")])
    with (
        zif.load(net, only=["reference"], cache=False) as session,
        pytest.raises(zif.Unsupported, match=r"no such node 'add' \(Add\): not yet"),
    ):
        session.run({"x": np.ones(3, np.float32), "i": np.array([0])})


def test_what_is_no_picture_is_the_values_fault() -> None:
    text = '<ir_version: 10, opset_import: ["": 20]> g (uint8[9] x) => (uint8[N, M, 3] y) { y = ImageDecoder(x) }'
    with (
        zif.load(onnx.parser.parse_model(text), only=["reference"], cache=False, verify="off") as session,
        pytest.raises(zif.InvalidInput, match=r"\(ImageDecoder\) cannot compute these values: .*image"),
    ):
        session.run({"x": np.zeros(9, np.uint8)})


def test_what_a_kernel_does_wrong_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise AttributeError("no such thing")

    monkeypatch.setattr(Add, "_run", broken)
    net = model([helper.make_node("Add", ["x", "x"], ["y"], "add")])
    with (
        zif.load(net, only=["reference"], cache=False) as session,
        pytest.raises(EngineRefused, match=r"trips over node 'add' \(Add\): AttributeError: no such thing"),
    ):
        session.run({"x": np.ones(3, np.float32), "i": np.array([0])})


def test_data_without_a_length_are_as_long_as_their_elements(tmp_path: Path) -> None:
    """Others lie behind them in the file."""
    made = model([helper.make_node("Add", ["x", "w"], ["y"], "add")], (4,))
    tensor = made.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", "16")):
        tensor.external_data.add(key=key, value=value)
    (tmp_path / "w.bin").write_bytes(np.arange(10, dtype=np.float32).tobytes() + b"x")
    onnx.save(made, tmp_path / "m.onnx")
    for isolate in (False, True):
        with zif.load(tmp_path / "m.onnx", only=["reference"], cache=False, isolate=isolate) as session:
            given = {"x": np.zeros(4, np.float32), "i": np.array([0])}
            np.testing.assert_array_equal(session.run(given)["y"], [4, 5, 6, 7])
