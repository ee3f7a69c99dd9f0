"""What a plain model takes and gives, read from its bytes alone: neither onnx is imported nor a weight looked at.

Plain is one graph of tensors whose weights lie in the file. Whatever is more, or odd, is nobody's to guess here: it is
read by `zif.model.source`, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from attrs import evolve, frozen

from zif.files.wire import Data, fields, varint
from zif.records import TensorInfo

Dim = int | str | None
_Place = tuple[int, int]

#: ONNX's numbers of element types that numpy has, too.
_TYPES = dict(enumerate(["float", "uint8", "int8", "uint16", "int16", "int32", "int64"], 1))
_TYPES |= {9: "bool", 10: "float16", 11: "double", 12: "uint32", 13: "uint64"}
#: IR versions that every onnx which zif takes knows, and the first in which a weight may be replaced.
_IR, _REPLACEABLE = range(3, 11), 4
#: So many fields have the graph, and a tensor, at most: more are read faster by protobuf itself.
_GRAPH_FIELDS, _TENSOR_FIELDS = 100_000, 64


class _Odd(Exception):
    """It is no plain model."""


@frozen
class Ends:
    """Inputs and outputs as the file declares them. optional: weights that are inputs, too, and may be replaced."""

    inputs: tuple[TensorInfo, ...]
    optional: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def ends(data: Data) -> Ends | None:
    """The ends of a serialised model; None for one that is not plain, or is no model."""
    try:
        version, graph = _only_graph(data)
        told = _graph(data, graph)
        return told if version >= _REPLACEABLE else evolve(told, optional=())
    except (_Odd, IndexError, KeyError, OverflowError, ValueError):
        return None


def _only_graph(data: Data) -> tuple[int, _Place]:
    rows: dict[int, list[_Place]] = {}
    for number, start, end in islice(fields(data, 0, len(data)), _TENSOR_FIELDS):
        rows.setdefault(number, []).append((start, end))
    (versions, graphs) = (rows.get(number, []) for number in (1, 7))
    more = rows.keys() & {20, 25}  # training, functions
    whole = max(end for places in rows.values() for _, end in places) == len(data)
    if len(versions) != 1 or len(graphs) != 1 or 8 not in rows or more or not whole:
        raise _Odd
    version = varint(data, versions[0][0])[0]
    if version not in _IR:
        raise _Odd
    return version, graphs[0]


def _graph(data: Data, place: _Place) -> Ends:
    inputs, outputs, weights = list[TensorInfo](), list[TensorInfo](), set[str]()
    for count, (number, start, end) in enumerate(fields(data, *place)):
        if count > _GRAPH_FIELDS or number == 15:  # a sparse weight
            raise _Odd
        if number == 1 and data.find(b"location", start, end) >= 0:  # a tensor in an attribute may lie elsewhere
            raise _Odd
        if number == 5:
            weights.add(_weight(data, start, end))
        elif number in (11, 12):
            (inputs if number == 11 else outputs).append(_value(data, start, end))
    if not outputs:
        raise _Odd
    free = tuple(info for info in inputs if info.name not in weights)
    return Ends(free, tuple(info for info in inputs if info.name in weights), tuple(outputs))


def _weight(data: Data, start: int, end: int) -> str:
    """The name of a tensor whose data lie in the file."""
    name = ""
    for count, (number, first, last) in enumerate(fields(data, start, end)):
        if number in (13, 14) or count > _TENSOR_FIELDS:  # data in another file
            raise _Odd
        if number == 8:
            name = _text(data, first, last)
    return name


def _value(data: Data, start: int, end: int) -> TensorInfo:
    told = _once(data, start, end, (1, 2))
    tensor = _once(data, *_once(data, *told[2], (1,))[1], (1, 2), missing=2)
    word = _TYPES[varint(data, tensor[1][0])[0]]
    shape = None if 2 not in tensor else tuple(_dim(data, *place) for _, *place in fields(data, *tensor[2]))
    return TensorInfo(_text(data, *told[1]), f"tensor({word})", shape)


def _dim(data: Data, start: int, end: int) -> Dim:
    rows = [row for row in fields(data, start, end) if row[0] in (1, 2)]
    if len(rows) > 1:
        raise _Odd
    for number, first, last in rows:
        if number == 2:
            return _text(data, first, last) or None
        value = varint(data, first)[0]
        return value if value < 2**63 else None  # a number below zero stands for one that is not known
    return None


def _once(data: Data, start: int, end: int, wanted: Sequence[int], missing: int = 0) -> dict[int, _Place]:
    """These fields of a message, each there once; `missing` may be missing, and of others nothing is known."""
    places: dict[int, _Place] = {}
    for number, first, last in fields(data, start, end):
        if number in places:
            raise _Odd
        places[number] = first, last
    if any(number not in places and number != missing for number in wanted):
        raise _Odd
    return places


def _text(data: Data, start: int, end: int) -> str:
    text = bytes(data[start:end]).decode()
    if "\0" in text:
        raise _Odd
    return text
