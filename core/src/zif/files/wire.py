"""Protobuf's wire format, field by field: what a message is made of, without parsing the rest or importing onnx."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import TypeAlias

Data: TypeAlias = bytes | mmap.mmap

_LENGTH = 2
#: Bytes of the fields of a fixed size, by the wire type.
_FIXED = {1: 8, 5: 4}


def fields(data: Data, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, first byte of the content and end of each field of a message.

    Raises IndexError, KeyError or OverflowError for what is no message.
    """
    while at < end:
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == _LENGTH:
            size, at = varint(data, at)
            after = at + size
        elif kind == 0:
            after = varint(data, at)[1]
        else:
            after = at + _FIXED[kind]
        if after > end:
            raise IndexError
        yield tag >> 3, at, after
        at = after


def varint(data: Data, at: int) -> tuple[int, int]:
    """A number, and where it ends. Raises IndexError where the data end before."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
