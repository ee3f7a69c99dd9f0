"""x · HardSigmoid(x), as exporters write HardSwish, is right on the HTP: the provider's own fusion of it is not."""

from __future__ import annotations

import numpy as np
import pytest
import zif
from onnx import TensorProto, helper


@pytest.mark.usefixtures("htp")
@pytest.mark.parametrize("alpha", [1 / 6, 0.2])
def test_a_hard_swish_in_two_nodes_is_right(alpha: float) -> None:
    shape = [1, 8, 6, 6]
    nodes = [
        helper.make_node("HardSigmoid", ["x"], ["s"], "sigmoid", alpha=alpha, beta=0.5),
        helper.make_node("Mul", ["x", "s"], ["y"], "mul"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32) * 3
    with zif.load(model, target="snapdragon-8-gen-3", only=["qnn_htp"], cache=False) as session:
        y = session.run({"x": x})["y"]
    np.testing.assert_allclose(y, x * np.clip(alpha * x + 0.5, 0, 1), atol=1e-2)
