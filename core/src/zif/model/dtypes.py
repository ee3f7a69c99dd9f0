"""ONNX's element types as numpy dtypes, those of ml_dtypes included, and tensors as arrays of them.

onnx holds bfloat16, float8, int4 and the like in ml_dtypes from 1.19 on only, and an earlier one silently gives float32
or plain integers instead; so what numpy lacks is read and written here, alike with every onnx.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from zif.records import DTYPE_BITS, TensorInfo

if TYPE_CHECKING:
    import numpy as np
    from onnx import OptionalProto, SequenceProto, TensorProto

    from zif.records import Array


#: Those that numpy has itself.
_NUMPYS = frozenset(
    (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
)


@cache
def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype that arrays of this element type have: "float32", "bfloat16", "int4"; "string" is object.

    Raises KeyError for a name that is no element type, or one that the installed ml_dtypes lacks.
    """
    import numpy as np

    if name == "string":
        return np.dtype(object)
    if name in _NUMPYS:
        return np.dtype(name)
    import ml_dtypes

    try:
        return np.dtype(getattr(ml_dtypes, name, name))
    except TypeError:
        raise KeyError(name) from None


@cache
def element_dtype(element: int) -> np.dtype[Any]:
    """The dtype of an element type given by ONNX's number, TensorProto.DataType. Raises KeyError for an unknown one."""
    return numpy_dtype(_named(element))


@cache
def element_type(dtype: np.dtype[Any] | str) -> int:
    """ONNX's number of the element type of such arrays; strings may be objects or of a fixed width.

    Raises KeyError for a dtype that is no element type, or one that the installed onnx lacks.
    """
    import numpy as np
    from onnx import TensorProto

    dtype = numpy_dtype(dtype) if isinstance(dtype, str) else np.dtype(dtype)
    name = "string" if dtype.kind in "OUS" else dtype.name
    for element in TensorProto.DataType.values():
        if _named(element) == name:
            return int(element)
    raise KeyError(name)


def to_array(tensor: TensorProto) -> Array:
    """The tensor's value; its data must lie in the proto itself.

    Raises KeyError for an element type that is not known, ValueError and TypeError for data that does not fit.
    """
    import numpy as np
    from onnx import numpy_helper

    if not _is_foreign(_named(tensor.data_type)):
        array: Array = numpy_helper.to_array(tensor)
        return array
    dtype, shape = element_dtype(tensor.data_type), tuple(tensor.dims)
    bits = DTYPE_BITS[dtype.name]
    raw = tensor.raw_data if tensor.HasField("raw_data") else _narrowed(tensor.int32_data, bits)
    if bits >= 8:
        return np.frombuffer(raw, dtype).reshape(shape)
    return _unpacked(np.frombuffer(raw, np.uint8), bits, math.prod(shape)).view(dtype).reshape(shape)


def from_array(array: Array, name: str = "") -> TensorProto:
    """The tensor that holds this value. Raises KeyError for a dtype that is no element type."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    array = np.asarray(array, order="C")
    if not _is_foreign(array.dtype.name):
        return numpy_helper.from_array(array.astype(object) if array.dtype.kind == "U" else array, name)
    bits = DTYPE_BITS[array.dtype.name]
    raw = array.tobytes() if bits >= 8 else _packed(array.reshape(-1).view(np.uint8), bits).tobytes()
    return TensorProto(name=name, data_type=element_type(array.dtype), dims=array.shape, raw_data=raw)


def to_list(sequence: SequenceProto) -> list[Any]:
    """The values of a sequence, as `to_array` gives them where they are tensors."""
    from onnx import SequenceProto, numpy_helper

    if sequence.elem_type == SequenceProto.TENSOR:
        return [to_array(tensor) for tensor in sequence.tensor_values]
    values: list[Any] = numpy_helper.to_list(sequence)
    return values


def to_optional(value: OptionalProto) -> Any:
    """The value of an optional, None for an empty one."""
    from onnx import OptionalProto, numpy_helper

    if value.elem_type == OptionalProto.TENSOR:
        return to_array(value.tensor_value)
    if value.elem_type == OptionalProto.SEQUENCE:
        return to_list(value.sequence_value)
    return numpy_helper.to_optional(value)


def decoded(message: TensorProto | SequenceProto | OptionalProto) -> Any:
    """The value of a message of ONNX's test data: an array, a list of them, or None for an empty optional."""
    from onnx import OptionalProto, SequenceProto

    if isinstance(message, SequenceProto):
        return to_list(message)
    return to_optional(message) if isinstance(message, OptionalProto) else to_array(message)


@cache
def _named(element: int) -> str:
    """The dtype's name. Raises KeyError for a number that the installed onnx does not know."""
    from onnx import TensorProto

    if element not in TensorProto.DataType.values():
        raise KeyError(element)
    return TensorInfo("", f"tensor({TensorProto.DataType.Name(element).lower()})").dtype


def _is_foreign(name: str) -> bool:
    """Whether the type is one of ml_dtypes and none of numpy's; of the 6-bit ones, onnx itself has to know."""
    import ml_dtypes

    return name in DTYPE_BITS and hasattr(ml_dtypes, name)


def _narrowed(values: Any, bits: int) -> bytes:
    """What a field of int32 holds for types of up to 16 bits; of smaller ones it holds whole bytes."""
    import numpy as np

    return np.array(values, np.int32).astype(np.uint16 if bits == 16 else np.uint8).tobytes()


def _unpacked(stored: Array, bits: int, count: int) -> Array:
    """One byte per element from bytes that hold several, the first in the lowest bits."""
    import numpy as np

    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    spread = (stored[:, None] >> shifts) & np.uint8(2**bits - 1)
    return spread.reshape(-1)[:count]


def _packed(values: Array, bits: int) -> Array:
    """The reverse of `_unpacked`; the last byte is filled up with zeros."""
    import numpy as np

    count = 8 // bits
    padded = np.concatenate([values, np.zeros(-len(values) % count, np.uint8)]).reshape(-1, count)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    packed: Array = np.bitwise_or.reduce((padded & np.uint8(2**bits - 1)) << shifts, axis=1, dtype=np.uint8)
    return packed
