"""Values between Python and ONNX Runtime where numpy's own types do not reach: bfloat16, float8, int4 and their like.

ONNX Runtime's Python binding passes arrays of numpy's types, strings, sequences, maps and empty optionals as they are.
The types of ml_dtypes it takes only as OrtValues made from raw memory, and gives only as addresses.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
from onnxruntime.capi import onnxruntime_pybind11_state as native
from zif.plugin import DTYPE_BITS, element_dtype, element_type, from_array, to_array

Array = np.ndarray[Any, np.dtype[Any]]

HOST = native.OrtDevice(native.OrtDevice.cpu(), native.OrtDevice.default_memory(), 0)

#: ONNX's element types that the binding does not know, by name; packed ones share a byte between elements.
PACKED = frozenset({"int4", "uint4", "int2", "uint2", "float4_e2m1fn"})
RAW = frozenset({"bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"})
FOREIGN = PACKED | RAW


def to_ort(value: Array) -> Any:
    """An OrtValue of a tensor. It shares memory, except for packed types: keep the array as long as the value."""
    name = value.dtype.name
    if name in PACKED:
        return _packed(value)
    array = np.asarray(value, order="C")
    if name in RAW:
        raw = array.view(np.uint16 if array.itemsize == 2 else np.uint8)
        return native.OrtValue.ortvalue_from_numpy_with_onnx_type(raw, element_type(name))
    return native.OrtValue.ortvalue_from_numpy(array, HOST)


def from_ort(value: Any) -> Any:
    """What an OrtValue holds: an array of its own memory, a list or None."""
    if not value.has_value():
        return None
    if not value.is_tensor():
        return value.numpy()
    dtype = element_dtype(value.element_type())
    if dtype.name in FOREIGN:
        shape = value.shape()
        size = (math.prod(shape) * DTYPE_BITS[dtype.name] + 7) // 8
        return unpack(ctypes.string_at(value.data_ptr(), size), dtype, shape)
    return value.numpy()


def pack(value: Array) -> bytes:
    """The bytes of an array as ONNX stores them: several elements in a byte where the type is packed."""
    return bytes(from_array(value).raw_data)


def unpack(content: bytes, dtype: np.dtype[Any], shape: list[int]) -> Array:
    """The array that `content` holds."""
    if dtype.name not in PACKED:
        return np.frombuffer(bytearray(content), dtype).reshape(shape)
    import onnx  # for these types alone

    proto = onnx.TensorProto(data_type=element_type(dtype), dims=shape, raw_data=content)
    array: Array = to_array(proto)
    return array


def _packed(value: Array) -> Any:
    content = pack(value)
    made = native.OrtValue.ortvalue_from_shape_and_onnx_type(list(value.shape), element_type(value.dtype), HOST)
    ctypes.memmove(made.data_ptr(), content, len(content))
    return made
