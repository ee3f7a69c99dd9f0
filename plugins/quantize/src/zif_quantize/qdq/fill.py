"""What a file of encodings leaves open, from calibration; what it says stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
from zif.plugin import MERGED, MOVES, Encoding, Encodings, clipped_at, covers

from zif_quantize.qdq.conversions import Conversions
from zif_quantize.qdq.prepared_names import inside, with_copies
from zif_quantize.qdq.widths import resized
from zif_quantize.rewrites.prepare import BIASED

if TYPE_CHECKING:
    from zif import Model

#: Operators whose result is encoded as what goes in: the largest of a window (MaxPool) is one of its values. Not those
#: that a file gives another range with reason: Relu and Clip cut it, Pad adds to it.
MOVING = MOVES | {"MaxPool"}


def filled(model: Model, encodings: Encodings, calibrated: Encodings) -> Encodings:
    """The entries of the file, and calibrated ones for every tensor that it does not mention.

    A bias follows from its input and weight when one of these is the file's, and a value that was only moved is encoded
    as the one that it came from. A node computes in the bits of what it gives: where the file gives a tensor other bits
    than its neighbours have, what the node reads, and what reads the tensor, is converted, and constants follow. What
    stands inside for an input or output of half floats is named as it is there.
    """
    encodings, calibrated = (inside(model.proto.graph, source) for source in (encodings, calibrated))
    encodings = with_copies(model.proto.graph, encodings)
    own = {entry.name for entry in encodings.entries}
    said = {entry.name: entry for entry in encodings.entries if not entry.readers}
    measured = {entry.name: entry for entry in calibrated.entries if not entry.readers and entry.name not in own}
    moved = _moved(model, said, measured)
    measured |= _before_clips(model, said, calibrated)
    conversions = Conversions(model, said | moved, measured, calibrated)
    for node in model.proto.graph.node:
        follows = own & set(node.input[:2]) or conversions.changes(node)
        if node.op_type in BIASED and len(node.input) > 2 and follows:
            measured.pop(node.input[2], None)
    entries = (*encodings.entries, *(measured | moved).values(), *conversions.entries(encodings))
    return attrs.evolve(encodings, entries=entries)


def _moved(model: Model, said: Mapping[str, Encoding], encodings: Mapping[str, Encoding]) -> dict[str, Encoding]:
    """What is only moved, encoded as the file's tensor that it comes from."""
    moved: dict[str, Encoding] = {}
    for node in model.proto.graph.node:
        source = None
        if node.op_type in MOVING:
            source = moved.get(node.input[0]) or said.get(node.input[0])
        if source is not None and not source.is_float and len(source.scale) == 1:
            moved.update({n: attrs.evolve(source, name=n, kind="activation") for n in node.output if n in encodings})
    return moved


def _before_clips(model: Model, said: Mapping[str, Encoding], calibrated: Encodings) -> dict[str, Encoding]:
    """What goes into a Relu or Clip that calibration left out and the file's range brings back.

    It is encoded as what came out in calibration, which clips it as well, in the bits of the file.
    """
    known = {entry.name: entry for entry in calibrated.entries if not entry.readers}
    constants = {tensor.name: tensor for tensor in model.proto.graph.initializer}
    encodings: dict[str, Encoding] = {}
    for node in model.proto.graph.node:
        mine, other = said.get(node.output[0]), known.get(node.output[0])
        if node.op_type not in MERGED or mine is None or other is None or mine.is_float or other.is_float:
            continue
        limits, source = clipped_at(node, constants), node.input[0]
        open_ = source not in known and source not in said and source in model.producers
        if open_ and limits is not None and covers(limits, other) and not covers(limits, mine):
            encodings[source] = attrs.evolve(
                other if other.bits == mine.bits else resized(other, mine.dtype), name=source
            )
    return encodings
