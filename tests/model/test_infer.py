"""Inference works on a skeleton: nothing in it is large, whatever the model holds."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from model.graphs import model, relu
from onnx import TensorProto, helper, numpy_helper
from zif.model import load, validity

LARGE = 1 << 16


def large(name: str) -> TensorProto:
    return numpy_helper.from_array(np.zeros(LARGE, np.float32), name)


def nested() -> onnx.ModelProto:
    """Large tensors as an initializer, in an attribute and inside a body; one of them in a typed field."""
    proto = relu([LARGE])
    typed = TensorProto(name="typed", data_type=TensorProto.FLOAT, dims=[LARGE], float_data=[0.0] * LARGE)
    made = helper.make_tensor_value_info("t", TensorProto.FLOAT, [LARGE])
    constant = helper.make_node("Constant", [], ["k"], value=large("k"))
    body = [constant, helper.make_node("Sum", ["x", "k", "inner", "typed"], ["t"])]
    branch = helper.make_graph(body, "b", [], [made], [large("inner"), typed])
    proto.graph.initializer.append(large("w"))
    proto.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    proto.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))
    return proto


def test_onnx_is_asked_without_large_data(monkeypatch: pytest.MonkeyPatch) -> None:
    proto = nested()
    size = len(proto.SerializeToString())
    assert size > 7 * 4 * LARGE - 1
    asked = []
    monkeypatch.setattr(validity.onnx.checker, "check_model", lambda data: asked.append(len(data)))
    monkeypatch.setattr(validity, "infer_shapes", lambda bare, **_: asked.append(bare.ByteSize()) or bare)
    load(proto)
    assert len(asked) == 2
    assert max(asked) < 4096
    assert len(proto.SerializeToString()) == size  # and the model keeps its own


def test_small_data_stays_because_shapes_are_computed_from_it() -> None:
    proto = model("g (float[4, 6] x) => (float[] y) { y = Reshape(x, k) }")
    proto.graph.initializer.append(numpy_helper.from_array(np.array([3, -1]), "k"))
    assert load(proto).outputs[0].shape == (3, 8)


def test_what_the_file_declares_survives_a_defect_of_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*args: object, **kwargs: object) -> object:
        raise RuntimeError

    proto = model("g (float[4] x) => (float[4] y) <float[4] h> { h = Relu(x) y = Abs(h) }")
    monkeypatch.setattr(validity, "infer_shapes", defect)
    loaded = load(proto)
    assert loaded.tensors["h"].shape == (4,)


def test_onnx_runtimes_own_quantizers_hide_no_shapes() -> None:
    proto = model(
        "g (float[2, 3] x) => (float[] y) {"
        " q = com.microsoft.QuantizeLinear <axis = 0> (x, s, z)"
        " d = com.microsoft.DequantizeLinear <axis = 0> (q, s, z)"
        " y = Relu(d) }",
        imports='"com.microsoft": 1',
    )
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0.5, 2], np.float32), "s"))
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0, 7], np.uint16), "z"))
    loaded = load(proto)
    assert (loaded.tensors["q"].dtype, loaded.tensors["q"].shape) == ("uint16", (2, 3))
    assert loaded.outputs[0].shape == (2, 3)
    assert not loaded.proto.functions


def test_types_of_all_kinds_of_values_are_found() -> None:
    proto = model(
        "g (float[2, 3] x) => (bool[] y) { h = NonZero(x) i = Cast<to = 10>(x) a, b = TopK(x, k) y = IsNaN(a) }"
    )
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1]), "k"))
    loaded = load(proto)
    found = {name: (loaded.tensors[name].type, loaded.tensors[name].shape) for name in "hiaby"}
    assert not loaded.tensors["h"].static  # how many there are depends on the data
    assert found == {
        "h": ("tensor(int64)", loaded.tensors["h"].shape),
        "i": ("tensor(float16)", (2, 3)),
        "a": ("tensor(float)", (2, 1)),
        "b": ("tensor(int64)", (2, 1)),
        "y": ("tensor(bool)", (2, 1)),
    }
