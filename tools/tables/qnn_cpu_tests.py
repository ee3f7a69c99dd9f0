"""Node tests that ONNX lacks, so that a rule is learned from what fails and not from what happens to stand beside it.

Each was made necessary by a real model that runs right on this backend and was refused by a rule too wide.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from zif.testing.nodetests import NodeTest


def further_tests() -> tuple[NodeTest, ...]:
    """Tests with outputs by ONNX's reference evaluator."""
    return tuple(_conv_integer(shape) for shape in ((), (1,)))


def _conv_integer(zero_point: tuple[int, ...]) -> NodeTest:
    """Padding and one zero point. ONNX's own test with padding has one per channel, which ONNX Runtime lacks."""
    random = np.random.default_rng(0)
    arrays = {
        "x": random.integers(0, 255, (1, 2, 5, 5), np.uint8),
        "w": random.integers(0, 255, (3, 2, 3, 3), np.uint8),
        "x_zero_point": np.array(7, np.uint8),
        "w_zero_point": np.full(zero_point, 5, np.uint8),
    }
    name = f"further_convinteger_padding_{len(zero_point)}d_zero_point"
    node = helper.make_node("ConvInteger", list(arrays), ["y"], pads=[1, 1, 1, 1])
    inputs = [helper.make_tensor_value_info(key, TensorProto.UINT8, value.shape) for key, value in arrays.items()]
    output = helper.make_tensor_value_info("y", TensorProto.INT32, (1, 3, 5, 5))
    graph = helper.make_graph([node], name, inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=8)
    expected = ReferenceEvaluator(model).run(None, arrays)
    return NodeTest(name, model, ((tuple(arrays.values()), tuple(expected)),), 0, 0)
