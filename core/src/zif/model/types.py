"""ONNX's type protos as `TensorInfo` records, and how many bytes elements take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Reversible
from functools import cache, lru_cache

import onnx

from zif.errors import InvalidModel
from zif.records import DTYPE_BITS, TensorInfo

Dim = int | str | None
Shape = tuple[Dim, ...]

#: ONNX's words for element types, by number: 1 -> "float", 17 -> "float8e4m3fn".
ELEMENT_WORDS: Mapping[int, str] = {v: k.lower() for k, v in onnx.TensorProto.DataType.items()}


def type_string(proto: onnx.TypeProto) -> str:
    """The type in ONNX notation, "tensor(float)" or "seq(tensor(int64))"; "" when the proto says nothing."""
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        return _of("tensor", _word(proto.tensor_type.elem_type))
    if kind == "sequence_type":
        return _of("seq", type_string(proto.sequence_type.elem_type))
    if kind == "optional_type":
        return _of("optional", type_string(proto.optional_type.elem_type))
    if kind == "sparse_tensor_type":
        return _of("sparse_tensor", _word(proto.sparse_tensor_type.elem_type))
    if kind == "map_type":
        value = type_string(proto.map_type.value_type)
        return f"map({_word(proto.map_type.key_type)},{value})" if value else ""
    return f"opaque({proto.opaque_type.domain},{proto.opaque_type.name})" if kind == "opaque_type" else ""


def _word(element: int) -> str:
    return ELEMENT_WORDS.get(element, "undefined")


def _of(kind: str, inner: str) -> str:
    return f"{kind}({inner})" if inner and inner != "undefined" else ""


@cache
def tensor_type(element: int) -> str:
    """ "tensor(float)" for 1, and so on; "" for an element type that this version of onnx does not know."""
    return _of("tensor", _word(element))


def shape_of(proto: onnx.TensorShapeProto) -> Shape:
    """Dimensions as int (fixed), str (symbolic) or None (unknown, also for the -1 that some exporters write)."""
    return tuple(_dim(d) for d in proto.dim)


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return dim.dim_param or None


def value_info(proto: onnx.ValueInfoProto) -> TensorInfo:
    """One value as a record."""
    return TensorInfo(proto.name, *_read(proto.type.SerializeToString()))


@lru_cache(4096)
def _read(data: bytes) -> tuple[str, Shape | None]:
    """Type and shape of a serialised TypeProto; the values of one graph share a few."""
    kind = onnx.TypeProto.FromString(data)
    if kind.HasField("tensor_type"):
        tensor = kind.tensor_type
        return tensor_type(tensor.elem_type), shape_of(tensor.shape) if tensor.HasField("shape") else None
    return type_string(kind), None


def initializer_info(proto: onnx.TensorProto) -> TensorInfo:
    """One initializer as a record; its data is not touched."""
    return TensorInfo(proto.name, tensor_type(proto.data_type), tuple(proto.dims))


def distinct(values: Reversible[onnx.ValueInfoProto]) -> Iterable[onnx.ValueInfoProto]:
    """The first value of each type: those of one graph share a few, and to look at each once is a third of the time."""
    return {value.type.SerializeToString(): value for value in reversed(values)}.values()


def tensor_bytes(proto: onnx.TensorProto) -> int | None:
    """Bytes that the elements of an initializer take, from type and dims alone; None for an unknown or string type."""
    bits = _bits(proto.data_type)
    return None if bits is None else (math.prod(proto.dims) * bits + 7) // 8


@cache
def _bits(element: int) -> int | None:
    dtype = TensorInfo("", tensor_type(element)).dtype
    return None if dtype == "string" else DTYPE_BITS.get(dtype)


def check_text(names: Iterable[str]) -> None:
    """Refuse names that are no UTF-8, which protobuf hands over as bytes, and those with a NUL."""
    names = names if isinstance(names, (list, tuple)) else list(names)
    try:
        text = "".join(names)
    except TypeError as error:
        raise InvalidModel("a name in the model is not UTF-8 text: the file is damaged. Copy it again.") from error
    if "\0" in text:  # it ends a name for some engines; other control characters are shown escaped
        name = next(name for name in names if "\0" in name)
        end = name.index("\0")
        around = name[max(0, end - 20) : end + 20]
        raise InvalidModel(f"a name in the model has a NUL in it: …{around!r}…. Rename it.")
