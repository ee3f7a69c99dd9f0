"""A value that is moved in floats between integers, and read twice, does not end the compiler's process."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif_quantize.measure import Reference

node = helper.make_node
CHANCE = np.random.default_rng(0)


def pair(name: str, encoding: str) -> list[onnx.NodeProto]:
    ends = [f"{encoding}_s", f"{encoding}_z"]
    return [
        node("QuantizeLinear", [name, *ends], [f"{name}_q"], f"{name}_q"),
        node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_d"], f"{name}_d"),
    ]


def model() -> onnx.ModelProto:
    """x → Transpose → Clip → Conv, and the value that is turned to a Gather, with no encoding of its own."""
    tensors = {
        "x_s": np.float32(0.03),
        "x_z": np.uint8(128),
        "c_s": np.float32(0.02),
        "c_z": np.uint8(8),
        "low": np.float32(-0.16),
        "high": np.float32(5),
        "places": np.array([1, 6]),
        "w": CHANCE.integers(-127, 127, (4, 4, 3, 3)).astype(np.int8),
        "w_s": np.float32(0.01),
        "w_z": np.int8(0),
    }
    nodes = [
        *pair("x", "x"),
        node("Transpose", ["x_d"], ["t"], "turn", perm=[0, 1, 3, 2]),
        node("Clip", ["t", "low", "high"], ["c"], "clip"),
        node("Gather", ["t", "places"], ["g"], "gather", axis=3),
        *pair("c", "c"),
        *pair("g", "x"),
        node("DequantizeLinear", ["w", "w_s", "w_z"], ["w_d"], "w_d"),
        node("Conv", ["c_d", "w_d"], ["v"], "conv", pads=[1] * 4),
        *pair("v", "x"),
    ]
    value = helper.make_tensor_value_info
    ends = [value("x", TensorProto.FLOAT, [1, 4, 8, 8]), *(value(n, TensorProto.FLOAT, None) for n in ("v_d", "g_d"))]
    graph = helper.make_graph(
        nodes, "moved", ends[:1], ends[1:], [numpy_helper.from_array(np.asarray(a), n) for n, a in tensors.items()]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.usefixtures("htp")
def test_it_is_taken_as_a_whole_and_right() -> None:
    x, made = CHANCE.standard_normal((1, 4, 8, 8)).astype(np.float32), model()
    wanted = Reference(made).run({"x": x})
    with zif.load(made, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        given = session.run({"x": x})
    for name in ("v_d", "g_d"):
        assert np.abs(given[name] - wanted[name]).max() < 2.1 * 0.03
