"""What onnxruntime's quantizer trips over by name, out of its way while it works."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import onnx
from zif.plugin import all_graphs, annotate

from zif_quantize.rewrites.widened import ends

T = TypeVar("T")

#: How the quantizer goes on from a tensor's name to name what it makes of the tensor.
_MADE = re.compile(r"_(?:scale|zero_point|quantized|convert|QuantizeLinear|DequantizeLinear)(?=_|$)")
_SCALES = ("_scale", "_quantized_scale", "_scale_convert")


class Apart:
    """A proto, changed in place, whose tensors have names to go on from, and whose outputs nodes make.

    `back` gives what became of it the names and outputs that it had. Scales whose names do not say whose they are get
    ONNX's annotation for that.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        graph = proto.graph
        inputs = {value.name for value in graph.input}
        self._outputs = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in graph.output]
        _set(graph.output, [value for value in self._outputs if value.name not in inputs])
        self._inner = ends(graph)
        self._aliases = _aliases({name for scope in all_graphs(graph) for name in _names(scope)})
        _rename(graph, self._aliases)

    def keyed(self, rows: Mapping[str, T]) -> dict[str, T]:
        """Rows by the names that their tensors have now."""
        return {self._aliases.get(name, name): row for name, row in rows.items()}

    def back(self, proto: onnx.ModelProto) -> None:
        """Undo it in what became of the proto."""
        graph = proto.graph
        _rename(graph, {alias: name for name, alias in self._aliases.items()})
        _set(graph.output, self._outputs)
        known = {alias: name for name, alias in self._aliases.items()} | self._inner
        annotate(proto, {alias + suffix: name for alias, name in known.items() for suffix in _SCALES})


def _set(rows: Any, values: Any) -> None:
    del rows[:]
    rows.extend(values)


def _names(graph: onnx.GraphProto) -> set[str]:
    """The names of a graph's values."""
    named = {row.name for row in (*graph.input, *graph.output, *graph.initializer)}
    return named.union(*(node.input for node in graph.node), *(node.output for node in graph.node))


def _aliases(names: set[str]) -> dict[str, str]:
    """Another name for each from which one goes on as the quantizer would, such that none does from that."""
    aliases: dict[str, str] = {}
    for base in sorted({name[: place.start()] for name in names for place in _MADE.finditer(name)} & names):
        count = 1
        while any(other.startswith(f"{base}_{count}") for other in names):
            count += 1
        aliases[base] = f"{base}_{count}"
    return aliases


def _rename(graph: onnx.GraphProto, new: Mapping[str, str]) -> None:
    """Give values other names, in bodies, too."""
    if not new:
        return
    for scope in all_graphs(graph):
        for row in (*scope.input, *scope.output, *scope.initializer, *scope.value_info):
            row.name = new.get(row.name, row.name)
        for node in scope.node:
            _set(node.input, [new.get(name, name) for name in node.input])
            _set(node.output, [new.get(name, name) for name in node.output])
