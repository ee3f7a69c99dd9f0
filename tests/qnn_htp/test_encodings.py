"""An 8-bit Softmax is right whatever its zero point: the compiler alone knows 0 and 128."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif_quantize.measure import Reference


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (-0.01, 1.0), (-0.1, 1.2), (-0.3, 1.3)])
def test_an_eight_bit_softmax_is_right_in_every_encoding(low: float, high: float) -> None:
    ranges = {"x": (-6.0, 6.0), "s": (low, high)}
    constants, nodes = [], []
    for name, (least, most) in ranges.items():
        scale = (most - least) / 255
        constants.append(numpy_helper.from_array(np.float32(scale), f"{name}_s"))
        constants.append(numpy_helper.from_array(np.uint8(round(-least / scale)), f"{name}_z"))
        if name == "s":
            nodes.append(helper.make_node("Softmax", ["x_d"], ["s"], "soft"))
        ends = [f"{name}_s", f"{name}_z"]
        nodes.append(helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_q"], f"{name}_q"))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_d"], f"{name}_d"))
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8]) for name in ("x", "s_d")]
    graph = helper.make_graph(nodes, "soft", infos[:1], infos[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    x = np.random.default_rng(0).standard_normal((1, 4, 8)).astype(np.float32) * 2
    with zif.load(model, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        off = np.abs(session.run({"x": x})["s_d"] - Reference(model).run({"x": x})["s_d"])
    assert off.max() < 1.1 * (high - low) / 255
