"""The element types of scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

if TYPE_CHECKING:
    from zif import Model

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


def scale_type(model: Model, name: str) -> int:
    """The element type that QuantizeLinear wants of a tensor's scale: the tensor's own."""
    return int(TensorProto.FLOAT16 if model.tensors[name].dtype == "float16" else TensorProto.FLOAT)
