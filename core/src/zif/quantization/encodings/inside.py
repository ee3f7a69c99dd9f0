"""Inputs and outputs of half floats: their encodings are those of the float32 tensors that stand for them inside."""

from __future__ import annotations

import attrs
import onnx

from zif.quantization.encodings.record import Encoding, Encodings
from zif.quantization.widened import ends


def inner_names(graph: onnx.GraphProto) -> dict[str, str]:
    """The float32 tensor inside by the name of the input or output of half floats that it stands for."""
    found: dict[str, str] = {}
    for inner, end in ends(graph).items():
        found.setdefault(end, inner)
    return found


def inside(graph: onnx.GraphProto, encodings: Encodings) -> Encodings:
    """The encodings under the names that the tensors have inside; an entry for the inner name itself goes first."""
    inner, own = inner_names(graph), {one.name for one in encodings.entries}
    new = {end: name for end, name in inner.items() if name not in own}
    return attrs.evolve(
        encodings, entries=tuple(renamed(one, new.get(one.name, one.name)) for one in encodings.entries)
    )


def renamed(one: Encoding, name: str) -> Encoding:
    """The same for a tensor of another name."""
    return attrs.evolve(one, name=name)
