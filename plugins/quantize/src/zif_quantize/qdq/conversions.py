"""Conversions between bits, where a file gives a tensor others than its neighbours have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs
import onnx
from zif.plugin import MERGED, WEIGHTED, Encoding, Encodings

from zif_quantize.float_units import kept_float
from zif_quantize.qdq.widths import resized

if TYPE_CHECKING:
    from zif import Model


class Conversions:
    """Which nodes read a tensor in other bits than it has, because of what the file says.

    said: the file's entries, and those of what it only moves. found: calibration's, in which constants are given the
    bits of the nodes that read them. Both have what is not converted.
    """

    def __init__(
        self, model: Model, said: Mapping[str, Encoding], encodings: dict[str, Encoding], calibrated: Encodings
    ) -> None:
        self._model, self._said, self._encodings, self._calibrated = model, said, encodings, calibrated
        self._kept = kept_float(model)
        self._nodes = model.proto.graph.node
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self._nodes:
            for name in dict.fromkeys(node.input):
                self._readers.setdefault(name, []).append(node)
        self._made: dict[tuple[str, str], Encoding] = {}
        for node in self._nodes:
            self._made.update(self._of(node))

    def changes(self, node: onnx.NodeProto) -> bool:
        """Whether the node reads a tensor converted."""
        return any((name, node.name) in self._made for name in node.input)

    def entries(self, encodings: Encodings) -> Iterator[Encoding]:
        """Conversions, those of calibration included where the file leaves tensor and readers alone."""
        told = {(entry.name, reader) for entry in encodings.entries for reader in entry.readers}
        grouped: dict[Encoding, list[str]] = {}
        for (name, reader), encoding in self._made.items():
            if (name, reader) not in told:
                grouped.setdefault(encoding, []).append(reader)
        for encoding in self._calibrated.entries:
            readers = [
                r for r in encoding.readers if (encoding.name, r) not in told and not self._touched(encoding.name, r)
            ]
            if readers:
                grouped.setdefault(attrs.evolve(encoding, readers=()), []).extend(readers)
        yield from (attrs.evolve(encoding, readers=tuple(sorted(readers))) for encoding, readers in grouped.items())

    def _of(self, node: onnx.NodeProto) -> Iterator[tuple[tuple[str, str], Encoding]]:
        """The conversions before a node; constants are given its bits in place."""
        wanted = self._computes_in(node)
        if wanted is None:
            return
        for place, name in enumerate(node.input):
            encoding = self._encoding(name)
            if (
                encoding is None
                or encoding.is_float
                or encoding.bits == wanted.bits
                or not self._touched(name, node.name)
            ):
                continue
            if name not in self._model.initializers:
                yield (name, node.name), resized(encoding, wanted.dtype)
            elif name in self._encodings and not (node.op_type in WEIGHTED and place):
                self._encodings[name] = resized(encoding, wanted.dtype)

    def _touched(self, name: str, reader: str) -> bool:
        """Whether the file says something about a tensor, or about what the node that reads it gives."""
        if name in self._said:
            return True
        node = next((consumer for consumer in self._readers.get(name, ()) if consumer.name == reader), None)
        return node is not None and any(encoding in self._said for encoding in self._given_by(node))

    def _computes_in(self, node: onnx.NodeProto) -> Encoding | None:
        """The encoding of what a node gives; None for a node that computes in float."""
        if node.name in self._kept:
            return None
        there = map(self._encoding, self._given_by(node))
        return next((encoding for encoding in there if encoding is not None and not encoding.is_float), None)

    def _given_by(self, node: onnx.NodeProto) -> list[str]:
        """The outputs of a node, behind a Relu or Clip where it has no encoding of its own before that."""
        names: list[str] = []
        for name in node.output:
            readers = self._readers.get(name, [])
            merged = len(readers) == 1 and readers[0].op_type in MERGED and self._encoding(name) is None
            names += self._given_by(readers[0]) if merged else [name]
        return names

    def _encoding(self, name: str) -> Encoding | None:
        return self._said.get(name) or self._encodings.get(name)
