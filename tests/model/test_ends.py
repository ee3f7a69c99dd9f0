"""Ends of a plain model by its bytes: what onnx reads of it, and nothing of one that is not plain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from zif.model.ends import ends
from zif.model.types import value_info

DATA = sorted((Path(onnx.__file__).parent / "backend/test/data").glob("*/*/*.onnx"))
LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx"))


def model() -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    inputs = [value("x", TensorProto.FLOAT, ["n", None, 4, -1]), value("w", TensorProto.INT64, [2])]
    outputs = [value("y", TensorProto.BOOL, None), value("z", TensorProto.DOUBLE, [])]
    nodes = [helper.make_node("Odd", ["x", "w", "v"], ["y", "z"])]
    weights = [numpy_helper.from_array(np.arange(2), "w"), numpy_helper.from_array(np.ones(3, np.float32), "v")]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_they_are_what_onnx_reads() -> None:
    told, graph = ends(model().SerializeToString()), model().graph
    assert told is not None
    assert told.inputs == (value_info(graph.input[0]),)
    assert told.optional == (value_info(graph.input[1]),)
    assert told.outputs == tuple(map(value_info, graph.output))


def test_before_ir_4_no_weight_may_be_replaced() -> None:
    old = model()
    old.ir_version = 3
    told = ends(old.SerializeToString())
    assert told is not None
    assert told.optional == ()


@pytest.mark.parametrize("path", [*DATA, *LIGHT], ids=lambda path: path.parent.name + "/" + path.stem)
def test_of_onnx_s_own_models_they_are_what_onnx_reads(path: Path) -> None:
    told = ends(path.read_bytes())
    if told is None:
        return
    graph = onnx.load_model_from_string(path.read_bytes()).graph
    weights = {tensor.name for tensor in graph.initializer}
    assert told.inputs == tuple(value_info(value) for value in graph.input if value.name not in weights)
    assert told.outputs == tuple(map(value_info, graph.output))


def test_most_of_them_are_plain() -> None:
    assert sum(ends(path.read_bytes()) is not None for path in LIGHT) == len(LIGHT)


def _external(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")


def _external_in_a_node(proto: onnx.ModelProto) -> None:
    tensor = TensorProto(data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    proto.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def _sparse(proto: onnx.ModelProto) -> None:
    proto.graph.sparse_initializer.add().dims.append(3)


def _function(proto: onnx.ModelProto) -> None:
    proto.functions.add().name = "f"


def _sequence(proto: onnx.ModelProto) -> None:
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [2]))
    proto.graph.output.add(name="s").type.CopyFrom(kind)


def _future(proto: onnx.ModelProto) -> None:
    proto.ir_version = 99


def _nul(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].name = "a\0b"


def _text(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def _typeless(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].ClearField("type")


def _endless(proto: onnx.ModelProto) -> None:
    del proto.graph.output[:]


def _no_opset(proto: onnx.ModelProto) -> None:
    del proto.opset_import[:]


ODD = (
    *(_external, _external_in_a_node, _sparse, _function, _sequence, _future, _nul, _text, _typeless, _endless),
    _no_opset,
)


@pytest.mark.parametrize("spoil", ODD, ids=lambda spoil: spoil.__name__)
def test_what_is_not_plain_is_left_to_who_reads_it_all(spoil: Callable[[onnx.ModelProto], None]) -> None:
    proto = model()
    spoil(proto)
    assert ends(proto.SerializeToString()) is None


def test_neither_is_what_is_cut_off_doubled_or_no_model() -> None:
    data = model().SerializeToString()
    assert all(ends(data[:length]) is None for length in range(len(data)))
    assert ends(data + data) is None  # protobuf would merge them
    for junk in (b"\xff" * 40, b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", b"ORTM" * 9, b"{}"):
        assert ends(junk) is None


def test_any_byte_may_be_another() -> None:
    """It never raises, and what it tells is what onnx reads, or onnx reads nothing."""
    data, rng = model().SerializeToString(), np.random.default_rng(0)
    for place in range(len(data)):
        spoilt = bytearray(data)
        spoilt[place] = int(rng.integers(256))
        told = ends(bytes(spoilt))
        try:
            graph = onnx.load_model_from_string(bytes(spoilt)).graph
        except Exception:
            continue
        if told is not None:
            assert told.outputs == tuple(map(value_info, graph.output))
