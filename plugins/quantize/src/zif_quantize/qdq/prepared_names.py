"""Tensors that have other names once a model is prepared: what a file says of them, under those names.

An input or output of half floats is a float32 tensor inside, and a weight of several uses has a copy for each.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
import onnx
from onnx import numpy_helper
from zif.plugin import Encoding, Encodings, copies

from zif_quantize.rewrites.widened import ends


def inner_names(graph: onnx.GraphProto) -> dict[str, str]:
    """The float32 tensor inside by the name of the input or output of half floats that it stands for."""
    names: dict[str, str] = {}
    for inner, end in ends(graph).items():
        names.setdefault(end, inner)
    return names


def inside(graph: onnx.GraphProto, encodings: Encodings) -> Encodings:
    """The encodings under the names that the tensors have inside; an entry for such a name itself goes first."""
    inner, own = inner_names(graph), {entry.name for entry in encodings.entries}
    new = {end: name for end, name in inner.items() if name not in own}
    entries = tuple(renamed(entry, new.get(entry.name, entry.name)) for entry in encodings.entries)
    return attrs.evolve(encodings, entries=entries)


def with_copies(graph: onnx.GraphProto, encodings: Encodings) -> Encodings:
    """With an entry for every copy of a weight, unless it has its own."""
    said = {entry.name: entry for entry in encodings.entries if not entry.readers}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    copied = {
        name: renamed(said[base], name)
        for name, base in copies(graph)
        if name not in said and base in said and _equal(constants, base, name)
    }
    return attrs.evolve(encodings, entries=(*encodings.entries, *copied.values()))


def _equal(constants: Mapping[str, onnx.TensorProto], *names: str) -> bool:
    if not constants.keys() >= set(names):
        return False
    return np.array_equal(*(numpy_helper.to_array(constants[name]) for name in names))


def renamed(encoding: Encoding, name: str) -> Encoding:
    """The same for a tensor of another name."""
    return attrs.evolve(encoding, name=name)
