"""Small models for these tests, written in ONNX's own text form."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, parser


def model(graph: str, opset: int = 17, ir: int = 8, imports: str = "") -> onnx.ModelProto:
    """`graph` such as "g (float[N] x) => (float[N] y) { y = Relu(x) }"; float[] is of unknown rank."""
    extra = f", {imports}" if imports else ""
    return parser.parse_model(f'<ir_version: {ir}, opset_import: ["": {opset}{extra}]> {graph}')


def weights(name: str, *shape: int, dtype: Any = np.float32) -> TensorProto:
    """An initializer with some numbers."""
    random = np.random.default_rng(len(name))
    return numpy_helper.from_array((random.standard_normal(shape) * 3).astype(dtype), name)


def relu(dims: list[int | str | None] | None = None) -> onnx.ModelProto:
    """x → Relu → y."""
    node = helper.make_node("Relu", ["x"], ["y"], name="relu")
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "g", given, made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def external(tensor: TensorProto, location: str, offset: int = 0, length: int | None = None) -> TensorProto:
    """The same tensor with its data in another file."""
    entries = {"location": location, "offset": str(offset)}
    if length is not None:
        entries["length"] = str(length)
    moved = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    moved.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        moved.external_data.add(key=key, value=value)
    return moved


def dense_pair(location: str = "", **place: Any) -> onnx.ModelProto:
    """Two MatMuls with 4 x 4 weights; with a location these lie in that file, the second after the first."""
    proto = model("g (float[2, 4] x) => (float[2, 4] y) { h = MatMul(x, a) y = MatMul(h, b) }")
    tensors = [weights("a", 4, 4), weights("b", 4, 4)]
    if location:
        tensors = [external(tensor, location, 64 * i, 64, **place) for i, tensor in enumerate(tensors)]
    proto.graph.initializer.extend(tensors)
    return proto


def dense_bytes() -> bytes:
    """The data file of `dense_pair`."""
    return weights("a", 4, 4).raw_data + weights("b", 4, 4).raw_data
