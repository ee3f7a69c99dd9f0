"""What a file of encodings leaves open, from calibration; what it says stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from zif.quantization.encodings.record import Encoding, Encodings
from zif.quantization.prepare import BIASED

if TYPE_CHECKING:
    from zif.model import Model

#: Operators that only move values: what comes out is encoded as what goes in.
MOVING = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "MaxPool", "Split", "Gather"})


def filled(model: Model, given: Encodings, calibrated: Encodings) -> Encodings:
    """The entries of the file, and calibrated ones for every tensor that it does not mention.

    A bias follows from its input and weight when one of these is the file's, and a value that was only moved is encoded
    as the one that it came from.
    """
    own = {one.name for one in given.entries}
    found = {one.name: one for one in calibrated.entries if not one.readers and one.name not in own}
    said = {one.name: one for one in given.entries if not one.readers}
    for node in model.proto.graph.node:
        if node.op_type in BIASED and len(node.input) > 2 and own & set(node.input[:2]):
            found.pop(node.input[2], None)
        source = said.get(node.input[0]) if node.op_type in MOVING else None
        if source is not None:
            moved = {n: attrs.evolve(source, name=n) for n in node.output if n in found and _alike(found[n], source)}
            found.update(moved)
            said.update(moved)
    conversions = [one for one in calibrated.entries if one.readers and one.name not in own]
    return attrs.evolve(given, entries=(*given.entries, *found.values(), *conversions))


def _alike(a: Encoding, b: Encoding) -> bool:
    return not b.is_float and a.bits == b.bits and len(b.scale) == 1
