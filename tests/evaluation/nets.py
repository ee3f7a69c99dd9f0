"""A small network in float and quantized, with an encoding spoilt where a test wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: x → mm1 → h1 → relu1 → r1 → mm2 → h2 → relu2 → r2 → mm3 → y
INNER = ("h1", "r1", "h2", "r2")
X = np.random.default_rng(5).standard_normal((4, 16)).astype(np.float32)


def weights() -> dict[str, np.ndarray[Any, Any]]:
    source = np.random.default_rng(1)
    shapes = {"w1": (16, 16), "w2": (16, 16), "w3": (16, 3)}
    return {name: (source.standard_normal(shape) / 4).astype(np.float32) for name, shape in shapes.items()}


def nodes() -> list[onnx.NodeProto]:
    rows = (("MatMul", "mm1", "x w1", "h1"), ("Relu", "relu1", "h1", "r1"), ("MatMul", "mm2", "r1 w2", "h2"))
    rows += (("Relu", "relu2", "h2", "r2"), ("MatMul", "mm3", "r2 w3", "y"))
    return [helper.make_node(kind, inputs.split(), [output], name) for kind, name, inputs, output in rows]


def model(
    made: list[onnx.NodeProto], more: Mapping[str, Any], rows: int | str = 4, output: str = "y"
) -> onnx.ModelProto:
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 16])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [rows, 3])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights() | dict(more)).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def floats(rows: int | str = 4) -> onnx.ModelProto:
    return model(nodes(), {}, rows)


def quantized(spoilt: str = "", factor: float = 12.0) -> onnx.ModelProto:
    """Every value quantized to 8 bits, the output as onnxruntime does it; `spoilt` has a scale so much too large."""
    made: list[onnx.NodeProto] = []
    more: dict[str, Any] = {}
    moved = {"y": "y_QuantizeLinear_Input"}
    read = {name: f"{name}_DequantizeLinear_Output" for name in ("x", *INNER)}
    for name in ("x", *INNER, "y"):
        for node in nodes():
            if node.output[0] == name:
                fresh = [moved.get(name, name)]
                made.append(helper.make_node(node.op_type, [read.get(i, i) for i in node.input], fresh, node.name))
        signed = not name.startswith("r")
        more[f"{name}_scale"] = np.float32((8.0 if signed else 4.0) / 255 * (factor if name == spoilt else 1))
        more[f"{name}_zero"] = np.uint8(128 if signed else 0)
        encoding = [f"{name}_scale", f"{name}_zero"]
        stored = f"{name}_QuantizeLinear_Output"
        made.append(helper.make_node("QuantizeLinear", [moved.get(name, name), *encoding], [stored], f"{name}_q"))
        made.append(helper.make_node("DequantizeLinear", [stored, *encoding], [read.get(name, name)], f"{name}_dq"))
    return model(made, more)
