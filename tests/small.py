"""Small ONNX models for tests of the command line, built in a line each and saved where the test wants them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20


def classifier(path: Path, batch: int | str = 1) -> Path:
    """x [batch, 4] → MatMul → Relu → Softmax → y [batch, 3]; units mm, relu and sm."""
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) / 10
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"], "mm"),
        helper.make_node("Relu", ["m"], ["r"], "relu"),
        helper.make_node("Softmax", ["r"], ["y"], "sm"),
    ]
    return save(
        path, nodes, [value("x", [batch, 4])], [value("y", [batch, 3])], [numpy_helper.from_array(weights, "w")]
    )


def value(name: str, shape: Sequence[int | str | None], type: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, type, shape)


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: Sequence[onnx.TensorProto] = (),
) -> Path:
    graph = helper.make_graph(list(nodes), path.stem, list(inputs), list(outputs), list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


def quantized(source: Path, output: Path, seed: int = 0) -> Path:
    """The float model with every operator in int8 (QDQ, unsigned activations, signed weights), ranges from noise."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    inputs = onnx.load(source, load_external_data=False).graph.input

    class Noise(CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(seed)
            shapes = {one.name: [d.dim_value for d in one.type.tensor_type.shape.dim] for one in inputs}
            feeds = [{name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()} for _ in range(2)]
            self.rest = iter(feeds)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.rest, None)

    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(source, output, Noise(), quant_format=QuantFormat.QDQ, **kinds)
    return output
