"""An 8-bit Softmax whose results are all small: its compiler's own steps made them all too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import zif
from onnx import TensorProto, helper, numpy_helper
from zif_quantize.measure import Reference


def quantized(count: int, high: float, kind: Any, opset: int) -> onnx.ModelProto:
    """A Softmax over so many values, from -4 … 4 to 0 … high in 8 bits."""
    constants, nodes = [], []
    least = int(np.iinfo(kind).min)
    for name, low, end in (("x", -4.0, 4.0), ("s", 0.0, high)):
        scale = (end - low) / 255
        constants.append(numpy_helper.from_array(np.float32(scale), f"{name}_s"))
        constants.append(numpy_helper.from_array(np.array(least + round(-low / scale), kind), f"{name}_z"))
        if name == "s":
            nodes.append(helper.make_node("Softmax", ["x_d"], ["s"], "soft"))
        ends = [f"{name}_s", f"{name}_z"]
        nodes.append(helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_q"], f"{name}_q"))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_d"], f"{name}_d"))
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, count]) for name in ("x", "s_d")]
    graph = helper.make_graph(nodes, "soft", infos[:1], infos[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(model)
    return model


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize(("kind", "opset"), [(np.uint8, 21), (np.uint8, 17), (np.int8, 21)])
@pytest.mark.parametrize(("count", "spread"), [(8, 0.3), (64, 0.3), (1000, 0.3), (1000, 1.0)])
def test_a_softmax_of_small_results_is_right(count: int, spread: float, kind: Any, opset: int) -> None:
    """It was off by 2, 10, 230 and 17 steps; a row of 1000 gave 3.3 in all."""
    x = np.random.default_rng(0).standard_normal((1, 4, count)).astype(np.float32) * np.float32(spread)
    ends = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    model = quantized(count, float(ends.max()), kind, opset)
    with zif.load(model, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        given = session.run({"x": x})["s_d"]
    wanted = Reference(model).run({"x": x})["s_d"]
    assert 20 * np.log10(np.linalg.norm(wanted) / np.linalg.norm(given - wanted)) > 26
    np.testing.assert_allclose(given.sum(-1), wanted.sum(-1), rtol=0.04)
