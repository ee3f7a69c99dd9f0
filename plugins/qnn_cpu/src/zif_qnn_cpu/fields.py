"""Where the nodes of a model lie in its file, found without reading its weights."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import TypeAlias

from zif.plugin import message_fields as fields

__all__ = ["Data", "fields", "nodes"]

Data: TypeAlias = bytes | mmap.mmap

#: Field numbers of ONNX's messages.
_GRAPH, _FUNCTIONS, _NODE = 7, 25, 1


def nodes(data: Data) -> Iterator[tuple[int, int]]:
    """The stretches of a serialised model in which nodes lie; all of it where it is none."""
    try:
        yield from list(_stretches(data))
    except (IndexError, KeyError, OverflowError):
        yield 0, len(data)


def _stretches(data: Data) -> Iterator[tuple[int, int]]:
    for field, start, end in fields(data, 0, len(data)):
        if field == _FUNCTIONS:
            yield start, end
        elif field == _GRAPH:
            yield from _joined(data, start, end)


def _joined(data: Data, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The nodes of a graph, those that follow each other as one stretch."""
    first = last = -1
    for field, _, after in fields(data, start, end):
        if field == _NODE:
            first, last = (start if first < 0 else first), after
        elif first >= 0:
            yield first, last
            first = -1
        start = after
    if first >= 0:
        yield first, last
