"""Whether a model may hold an operator that `zif_qnn_cpu.guards` guards, by its bytes alone: nothing is parsed.

Most models hold none, and are opened without what parses and rewrites them being imported.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

from zif_qnn_cpu.fields import Data, fields, nodes

#: What the names of values are that stand around a guarded operator, with a number; those of nodes end in one.
PREFIX = "zif-guard-"
#: What the name of a node that refuses a shape holds, after that of the operator.
REFUSES = "/zif-shape-"
#: Operators whose kernels end the process for tensors of certain shapes.
SHAPES = frozenset({"ConvTranspose", "GRU", "LSTM", "ReverseSequence", "Unique"})
#: The operator that is told a zero point.
ZERO_POINTS = "DequantizeLinear"

#: How the operator of a node stands in a file: the field's tag, its length, its text.
_OPERATOR = re.compile(b"|".join(b'"' + bytes([len(name)]) + name.encode() for name in sorted(SHAPES | {"Div"})))
_WRITTEN = b'"' + bytes([len(ZERO_POINTS)]) + ZERO_POINTS.encode()
#: Numbers of the fields of a node.
_INPUT, _KIND = 1, 4
_WITH_ZERO = 3


def mentioned(model: bytes | Path) -> bool:
    """Whether one may lie in the nodes of a serialised model."""
    if isinstance(model, bytes):
        return _has_operator(model)
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return _has_operator(mapped)


def _has_operator(data: Data) -> bool:
    places = list(nodes(data))
    return any(_OPERATOR.search(data, *place) or _lacks_zero_point(data, *place) for place in places)


def _lacks_zero_point(data: Data, start: int, end: int) -> bool:
    """Whether a node without zero point may lie in a stretch of nodes: one itself, or any in a body."""
    if data.find(_WRITTEN, start, end) < 0:
        return False
    try:
        return any(_lacking(data, first, last) for _, first, last in fields(data, start, end))
    except (IndexError, KeyError, OverflowError):  # no stretch of nodes: whoever reads it says what it is
        return True


def _lacking(data: Data, start: int, end: int) -> bool:
    if data.find(_WRITTEN, start, end) < 0:
        return False
    rows = list(fields(data, start, end))
    own = any(field == _KIND and data[first:last] == ZERO_POINTS.encode() for field, first, last in rows)
    return not own or sum(field == _INPUT and last > first for field, first, last in rows) < _WITH_ZERO
