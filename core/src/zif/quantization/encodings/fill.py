"""What a file of encodings leaves open, from calibration; what it says stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs
import onnx

from zif.quantization.assign import MERGED, WEIGHTED
from zif.quantization.encodings.record import Encoding, Encodings
from zif.quantization.encodings.widths import resized
from zif.quantization.keep import kept_float
from zif.quantization.prepare import BIASED

if TYPE_CHECKING:
    from zif.model import Model

#: Operators that only move values: what comes out is encoded as what goes in.
MOVING = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "MaxPool", "Split", "Gather"})


def filled(model: Model, given: Encodings, calibrated: Encodings) -> Encodings:
    """The entries of the file, and calibrated ones for every tensor that it does not mention.

    A bias follows from its input and weight when one of these is the file's, and a value that was only moved is encoded
    as the one that it came from. A node computes in the bits of what it gives: where the file gives a tensor other bits
    than its neighbours have, what the node reads, and what reads the tensor, is converted, and constants follow.
    """
    own = {one.name for one in given.entries}
    said = {one.name: one for one in given.entries if not one.readers}
    found = {one.name: one for one in calibrated.entries if not one.readers and one.name not in own}
    moved = _moved(model, said, found)
    conversions = _Conversions(model, said | moved, found, calibrated)
    for node in model.proto.graph.node:
        follows = own & set(node.input[:2]) or conversions.changes(node)
        if node.op_type in BIASED and len(node.input) > 2 and follows:
            found.pop(node.input[2], None)
    entries = (*given.entries, *(found | moved).values(), *conversions.entries(given))
    return attrs.evolve(given, entries=entries)


def _moved(model: Model, said: Mapping[str, Encoding], found: Mapping[str, Encoding]) -> dict[str, Encoding]:
    """What is only moved, encoded as the file's tensor that it comes from."""
    moved: dict[str, Encoding] = {}
    for node in model.proto.graph.node:
        source = None
        if node.op_type in MOVING:
            source = moved.get(node.input[0]) or said.get(node.input[0])
        if source is not None and not source.is_float and len(source.scale) == 1:
            moved.update({n: attrs.evolve(source, name=n, kind="activation") for n in node.output if n in found})
    return moved


class _Conversions:
    """Which nodes read a tensor in other bits than it has, because of what the file says."""

    def __init__(
        self, model: Model, said: Mapping[str, Encoding], found: dict[str, Encoding], calibrated: Encodings
    ) -> None:
        self._model, self._said, self._found, self._calibrated = model, said, found, calibrated
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

    def entries(self, given: Encodings) -> Iterator[Encoding]:
        """Conversions, those of calibration included where the file leaves tensor and readers alone."""
        told = {(one.name, reader) for one in given.entries for reader in one.readers}
        grouped: dict[Encoding, list[str]] = {}
        for (name, reader), one in self._made.items():
            if (name, reader) not in told:
                grouped.setdefault(one, []).append(reader)
        for one in self._calibrated.entries:
            readers = [r for r in one.readers if (one.name, r) not in told and not self._touched(one.name, r)]
            if readers:
                grouped.setdefault(attrs.evolve(one, readers=()), []).extend(readers)
        yield from (attrs.evolve(one, readers=tuple(sorted(readers))) for one, readers in grouped.items())

    def _of(self, node: onnx.NodeProto) -> Iterator[tuple[tuple[str, str], Encoding]]:
        """The conversions before a node; constants are given its bits in place."""
        wanted = self._computes_in(node)
        if wanted is None:
            return
        for place, name in enumerate(node.input):
            one = self._encoding(name)
            if one is None or one.is_float or one.bits == wanted.bits or not self._touched(name, node.name):
                continue
            if name not in self._model.initializers:
                yield (name, node.name), resized(one, wanted.dtype)
            elif name in self._found and not (node.op_type in WEIGHTED and place):
                self._found[name] = resized(one, wanted.dtype)

    def _touched(self, name: str, reader: str) -> bool:
        """Whether the file says something about a tensor, or about what the node that reads it gives."""
        if name in self._said:
            return True
        node = next((one for one in self._readers.get(name, ()) if one.name == reader), None)
        return node is not None and any(one in self._said for one in self._given_by(node))

    def _computes_in(self, node: onnx.NodeProto) -> Encoding | None:
        """The encoding of what a node gives; None for a node that computes in float."""
        if node.name in self._kept:
            return None
        there = map(self._encoding, self._given_by(node))
        return next((one for one in there if one is not None and not one.is_float), None)

    def _given_by(self, node: onnx.NodeProto) -> list[str]:
        """The outputs of a node, behind a Relu or Clip where it has no encoding of its own before that."""
        names: list[str] = []
        for name in node.output:
            readers = self._readers.get(name, [])
            merged = len(readers) == 1 and readers[0].op_type in MERGED and self._encoding(name) is None
            names += self._given_by(readers[0]) if merged else [name]
        return names

    def _encoding(self, name: str) -> Encoding | None:
        return self._said.get(name) or self._found.get(name)
