"""Tensors as ONNX's own test data keep them: serialised TensorProto, SequenceProto and OptionalProto."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zif.errors import InvalidInput
from zif.files.limits import ARRAY, is_shape
from zif.files.opening import read_bytes
from zif.files.paths import Refusal
from zif.records import DTYPE_BITS, TensorInfo

if TYPE_CHECKING:
    import onnx

    from zif.records import Value

#: Element types of less than a byte, by their names in ONNX.
_NARROW = re.compile(r"(?:U?INT|FLOAT)([246])(?:E\dM\d)?")


def read_value(path: str | Path, kind: str, decode: Callable[[Any], Value], error: Refusal = InvalidInput) -> Value:
    """The value of a .pb that the caller names. `kind` is the type in ONNX's notation: "tensor(float)", "seq(…)".
    `decode` makes the value of a message whose data have been held against its dimensions (`zif.model.dtypes.decoded`).

    Raises what `error` makes: for what is no such message, for element types that ONNX does not have, for dimensions
    that the data do not fill, and for data in other files.
    """
    import onnx

    data = read_bytes(path, ARRAY, error)
    message: Any = onnx.TensorProto()
    if kind.startswith("seq"):
        message = onnx.SequenceProto()
    elif kind.startswith("optional"):
        message = onnx.OptionalProto()
    try:
        message.ParseFromString(data)
    except Exception as problem:  # protobuf's own classes, which have no types
        raise error(f"{path} holds no {kind or 'tensor'}: it is cut off, or something else") from problem
    for tensor in _tensors(message):
        if why := wrong(tensor):
            raise error(f"{path} holds no {kind or 'tensor'}: {why}")
    try:
        return decode(message)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as problem:
        raise error(f"{path} holds no {kind or 'tensor'}: {problem}") from problem


def wrong(tensor: onnx.TensorProto) -> str:
    """Why a tensor's own data cannot be what its dimensions and its element type say; "" when they can."""
    stored = _stored(tensor.data_type)
    if stored is None:
        return f"the element type {tensor.data_type} is none of ONNX's"
    if tensor.data_location == 1:  # TensorProto.EXTERNAL
        return "its data lie in another file, which is not followed here"
    dims = tuple(tensor.dims)
    if not is_shape(dims):
        return f"it has the dimensions {list(dims[:8])}"
    return _unfilled(tensor, math.prod(dims), stored)


class _Stored(NamedTuple):
    """How a value of an element type lies in a tensor: its bits in raw_data (0 for text), or its entries of a field."""

    bits: int
    field: str
    entries: Fraction


@cache
def _stored(element: int) -> _Stored | None:
    """None for a number that is none of ONNX's element types. Models have thousands of tensors, of few types."""
    from onnx import TensorProto, helper

    if element not in TensorProto.DataType.values() or element == TensorProto.UNDEFINED:
        return None
    word = TensorProto.DataType.Name(element)
    narrow = _NARROW.fullmatch(word)
    bits = 0
    if element != TensorProto.STRING:
        bits = int(narrow[1]) if narrow else DTYPE_BITS[TensorInfo("", f"tensor({word.lower()})").dtype]
    entries = Fraction(2 if element in (TensorProto.COMPLEX64, TensorProto.COMPLEX128) else 1)
    if narrow and narrow[1] in "24":  # these lie packed in bytes there, too
        entries = Fraction(int(narrow[1]), 8)
    return _Stored(bits, helper.tensor_dtype_to_field(element), entries)


def _unfilled(tensor: onnx.TensorProto, count: int, stored: _Stored) -> str:
    """Why the data are not those of `count` elements; in Python's integers, and before anything is unpacked."""
    if stored.bits and tensor.HasField("raw_data"):
        needed, there = (count * stored.bits + 7) // 8, len(tensor.raw_data)
        return "" if needed == there else f"its {count:,} elements take {needed:,} bytes, and it has {there:,}"
    there, needed = len(getattr(tensor, stored.field)), math.ceil(count * stored.entries)
    return "" if needed == there else f"its {count:,} elements are {needed:,} in {stored.field}, and it has {there:,}"


def _tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Every tensor in a message, however deep; protobuf itself allows a hundred levels."""
    import onnx

    waiting = [message]
    while waiting:
        current = waiting.pop()
        if isinstance(current, onnx.TensorProto):
            yield current
            continue
        for field, inner in current.ListFields():
            if field.message_type is not None:
                waiting += [inner] if hasattr(inner, "ListFields") else inner
