"""Small graphs that the tests of the QNN runtime share."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

CHIP = 57  # Snapdragon 8 Gen 3


def cnn(*, erf: bool = False) -> ModelProto:
    """Conv, Relu, pooling over float32[1,3,16,16]; with `erf` one operator that QNN does not have."""
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("GlobalAveragePool", ["b"], ["y"], "pool"),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 1, 1])]
    if erf:
        nodes.append(helper.make_node("Erf", ["b"], ["z"], "erf"))
        outputs.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 8, 16, 16]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])]
    graph = helper.make_graph(nodes, "cnn", inputs, outputs, [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def single(op_type: str, dtype: int = TensorProto.FLOAT, shape: tuple[object, ...] = (1, 8)) -> ModelProto:
    """One operator with one input and one output of the same type and shape."""
    node = helper.make_node(op_type, ["x"], ["y"], "only")
    values = [helper.make_tensor_value_info(name, dtype, shape) for name in ("x", "y")]
    graph = helper.make_graph([node], "single", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
