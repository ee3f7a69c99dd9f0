"""What Q and DQ nodes read: integers, scales and zero points as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from zif.plugin import Encoding

from zif_quantize.ort.tools import tools


def parameters(encoding: Encoding, names: Sequence[str], float_type: int) -> list[onnx.TensorProto]:
    """Scale (float32 or float16) and zero point of an encoding: scalars, or [channels]."""
    dims = [len(encoding.scale)] if encoding.axis is not None else []
    kind = TensorProto.DataType.Value(encoding.dtype.upper())
    scales = np.array(encoding.scale, helper.tensor_dtype_to_np_dtype(float_type)).reshape(dims)
    return [numpy_helper.from_array(scales, names[0]), helper.make_tensor(names[1], kind, dims, encoding.zero_point)]


def stored(tensor: onnx.TensorProto, encoding: Encoding, name: str) -> onnx.TensorProto:
    """The integers of a weight: onnxruntime's own rounding, but for int32, which it has no function for."""
    if encoding.dtype == "int32":
        limits = np.iinfo(np.int32)
        clipped = np.clip(wide(numpy_helper.to_array(tensor), encoding), limits.min, limits.max)
        return numpy_helper.from_array(clipped.astype(np.int32), name)
    helpers: Any = tools("quant_utils")
    kind = TensorProto.DataType.Value(encoding.dtype.upper())
    numbers = np.int8 if kind == TensorProto.INT4 else np.uint8 if kind == TensorProto.UINT4 else None
    dtype = numbers or helper.tensor_dtype_to_np_dtype(kind)
    scale, zero = np.array(encoding.scale, np.float32), np.array(encoding.zero_point, dtype)
    if encoding.axis is None:
        scale, zero = scale[0], zero[0]
    full = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)
    with np.errstate(over="ignore"):  # what is far outside the range, such as the mask of an attention, is cut off
        made: onnx.TensorProto = helpers.quantize_onnx_initializer(full, kind, zero, scale, encoding.axis, name)
    return made


def wide(values: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Values in steps of the encoding, rounded, as float64: what int32 may not hold."""
    scales = np.array(encoding.scale, np.float64)
    shape = [-1 if place == encoding.axis else 1 for place in range(values.ndim)]
    steps: np.ndarray = np.rint(
        values.astype(np.float64) / (scales.reshape(shape) if encoding.axis is not None else scales[0])
    )
    return steps
