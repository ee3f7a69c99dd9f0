"""OrtValue: an array, a sequence or a map of the host's memory, with what ONNX Runtime tells of such a value.

zif's sessions take and give numpy arrays, so an OrtValue here is one. Other devices than the CPU have no memory of
their own towards a host: a value for one stays in host memory, and zif says so once.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zif.model.dtypes import element_dtype, element_type
from zif.records import TensorInfo
from zif.runtime.dropin.onnxruntime_module import real
from zif.runtime.dropin.warn import once
from zif.runtime.session.fit import dtype_of

Array = np.ndarray[Any, Any]

#: ONNX's words for element types that numpy calls otherwise.
_WORDS = {"float32": "float", "float64": "double", "object": "string", "bool": "bool"}


class OrtValue:
    """A value that a session takes and gives. `ortvalue_from_numpy` shares memory with contiguous arrays."""

    def __init__(self, value: Any, onnx_type: int = 0, device: str = "cpu") -> None:
        self._value = value
        self._type = onnx_type
        self._device = device

    @staticmethod
    def ortvalue_from_numpy(numpy_obj: Array, device_type: str = "cpu", *_: Any) -> OrtValue:
        """A tensor over an array; on the CPU without a copy. Raises ValueError for what is no array."""
        if not isinstance(numpy_obj, np.ndarray):
            raise ValueError("an OrtValue is made of a numpy array")
        on_host(device_type)
        return OrtValue(np.ascontiguousarray(numpy_obj) if not numpy_obj.flags.c_contiguous else numpy_obj)

    @staticmethod
    def ortvalue_from_numpy_with_onnx_type(data: Array, onnx_element_type: int) -> OrtValue:
        """A tensor of an element type that numpy may not have, over the bytes of an array. Raises ValueError."""
        dtype = element_dtype(onnx_element_type)
        if data.dtype.itemsize != dtype.itemsize:
            raise ValueError(f"{data.dtype} and {dtype} elements are not of one size")
        return OrtValue(data.view(dtype), onnx_element_type)

    @staticmethod
    def ortvalue_from_shape_and_type(
        shape: Sequence[int], element_type: Any = np.float32, device_type: str = "cpu", *_: Any
    ) -> OrtValue:
        """A tensor that holds nothing yet. element_type: numpy's, or ONNX's number."""
        on_host(device_type)
        dtype = element_dtype(element_type) if isinstance(element_type, int) else np.dtype(element_type)
        return OrtValue(np.empty(tuple(shape), dtype))

    @classmethod
    def from_dlpack(cls, data: Any) -> OrtValue:
        """A tensor over the memory of anything that speaks DLPack, or of a capsule that something gave."""
        if type(data).__name__ == "PyCapsule":
            return cls(np.from_dlpack(_Capsule(data)))
        return cls(np.from_dlpack(data._value if isinstance(data, OrtValue) else data))

    def numpy(self) -> Any:
        """The value: an array over the same memory, a list, a map or None."""
        return self._value

    def update_inplace(self, data: Array) -> None:
        """Write an array of the same shape and type into this value's memory. Raises RuntimeError."""
        if not self.is_tensor() or data.shape != self._value.shape or data.dtype != self._value.dtype:
            raise RuntimeError(f"a {self.data_type()} of shape {self.shape()} cannot be updated with {data.shape}")
        np.copyto(self._value, data)

    def shape(self) -> list[int]:
        """The dimensions of a tensor."""
        return list(self._value.shape)

    def element_type(self) -> int:
        """ONNX's number of the element type."""
        return self._type or int(element_type(self._value.dtype))

    def data_type(self) -> str:
        """As "tensor(float)", "seq(tensor(int64))"."""
        if isinstance(self._value, list):
            return f"seq({OrtValue(self._value[0]).data_type()})" if self._value else "seq(tensor(float))"
        return f"tensor({word(self._value.dtype)})"

    def device_name(self) -> str:
        """Always "cpu": zif hands over values in host memory."""
        return self._device

    def data_ptr(self) -> int:
        """Where the elements lie."""
        return int(self._value.ctypes.data)

    def tensor_size_in_bytes(self) -> int:
        """How many bytes the elements take."""
        return int(self._value.nbytes)

    def has_value(self) -> bool:
        """False for an optional without one."""
        return self._value is not None

    def is_tensor(self) -> bool:
        """Whether it is a tensor."""
        return isinstance(self._value, np.ndarray)

    def is_tensor_sequence(self) -> bool:
        """Whether it is a sequence of tensors."""
        return isinstance(self._value, list)

    def is_sparse_tensor(self) -> bool:
        """zif has none."""
        return False

    def _get_c_value(self) -> OrtValue:
        return self

    @property
    def _ortvalue(self) -> OrtValue:
        return self

    def to_dlpack(self) -> Any:
        """A capsule over the memory."""
        return self._value.__dlpack__()

    def __dlpack__(self, **options: Any) -> Any:
        return self._value.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        made: Array = self._value if dtype is None else self._value.astype(dtype, copy=False)
        return made.copy() if copy else made


class _Capsule:
    """What numpy wants around a capsule of host memory."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


class OrtDevice:
    """A device by its name and number."""

    def __init__(self, name: str = "cpu", number: int = 0) -> None:
        self._name, self._number = name, number

    @staticmethod
    def make(name: str, device_id: int = 0, *_: Any) -> OrtDevice:
        """The device of this name."""
        return OrtDevice(name, device_id)

    def device_type(self) -> int:
        """0: host memory."""
        return 0 if self._name == "cpu" else 1

    def device_id(self) -> int:
        """Its number."""
        return self._number

    def device_mem_type(self) -> int:
        """0: ordinary memory."""
        return 0

    def _get_c_device(self) -> Any:
        """ONNX Runtime's own, which its sparse tensors ask for. Raises AttributeError where it is not installed."""
        theirs = real()
        if theirs is None:
            raise AttributeError("onnxruntime is not installed: sparse tensors are its own")
        return theirs.OrtDevice.make(self._name, self._number)._get_c_device()

    def device_vendor_id(self) -> int:
        """0: host memory has no vendor."""
        return 0


def on_host(device: str) -> None:
    """Say once that a value for another device stays in host memory."""
    if device != "cpu":
        once(f"a value for the device {device!r} is kept in host memory: zif's sessions take and give host memory")


def word(dtype: np.dtype[Any]) -> str:
    """ONNX Runtime's word for an element type."""
    return _WORDS.get(dtype.name, "string" if dtype.kind in "UST" else dtype.name)


def at_address(address: int, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    """The array that lies at an address: the caller keeps the memory, as ONNX Runtime has it."""
    size = math.prod(shape) * dtype.itemsize
    raw: Any = (ctypes.c_uint8 * size).from_address(address)
    array: Array = np.frombuffer(raw, np.uint8).view(dtype).reshape(tuple(shape))
    return array


def as_input(value: Any, info: TensorInfo) -> Any:
    """What ONNX Runtime's binding makes of what it is handed, for an input: lists become arrays of its type.

    Raises RuntimeError for what cannot be one.
    """
    if isinstance(value, OrtValue):
        return value.numpy()
    dtype = dtype_of(info)
    if dtype is None or value is None:
        return value
    if dtype.kind == "O":
        return _texts(value)
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, (list, tuple)):
        raise RuntimeError(f"Unable to handle object of type {type(value)} for input {info.name!r}")
    try:
        return np.array(value, dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise RuntimeError(f"Unable to make an array of input {info.name!r}: {error}") from error


def _texts(value: Any) -> Array:
    """Texts as objects; bytes and void are UTF-8. What is no text stays as it is."""
    array = np.asarray(value)
    if array.dtype.kind in "SV":
        texts = [bytes(text).rstrip(b"\0").decode() for text in array.reshape(-1).tolist()]
        return np.array(texts, object).reshape(array.shape)
    return array.astype(object) if array.dtype.kind in "UTO" else array  # numbers are refused by the check of inputs
