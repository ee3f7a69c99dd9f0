"""Samples where the user has none: values that respect what the graph says of its inputs, the same for one seed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.model.attributes import attribute

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Array

SEEDS = (0, 1, 2)
#: Operators that hand an index on as it is.
_SAME = frozenset({"Cast", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose"})


def made_samples(model: Model) -> list[dict[str, Any]]:
    """One set of inputs for each of SEEDS. Raises InvalidInput for open dimensions but the batch.

    Floats are normal around zero, at three magnitudes: 1, 0.1 and 4. Integers that index a table reach over the whole
    of it; other wide integers are 0 or 1, which are valid as masks, types and lengths.
    """
    from zif.inputs import random_inputs

    bounds = {info.name: bound for info in model.inputs if (bound := index_bound(model, info.name))}
    sets = []
    for seed, scale in zip(SEEDS, (1.0, 0.1, 4.0), strict=True):
        values = random_inputs(model.inputs, seed)
        sets.append({name: _fitted(name, value, seed, scale, bounds.get(name)) for name, value in values.items()})
    return sets


def _fitted(name: str, value: Array, seed: int, scale: float, bound: int | None) -> Array:
    if bound and value.dtype.kind in "iu":
        source = np.random.default_rng([seed, zlib.crc32(name.encode())])
        picked: Array = source.integers(0, bound, value.shape).astype(value.dtype)
        return picked
    scaled: Array = value * value.dtype.type(scale) if value.dtype.kind == "f" else value
    return scaled


def index_bound(model: Model, name: str) -> int | None:
    """How many rows the smallest table has that an integer input indexes; None when it indexes none of known size."""
    readers: dict[str, list[Any]] = {}
    for node in model.proto.graph.node:
        for value in node.input:
            readers.setdefault(value, []).append(node)
    rows, waiting, seen = [], [name], {name}
    while waiting:
        value = waiting.pop()
        for node in readers.get(value, ()):
            if node.op_type == "Gather" and len(node.input) > 1 and node.input[1] == value:
                rows.append(_rows(model, node))
            elif node.op_type in _SAME and node.input[0] == value and node.output[0] not in seen:
                seen.add(node.output[0])
                waiting.append(node.output[0])
    known = [count for count in rows if count]
    return min(known) if known else None


def _rows(model: Model, node: Any) -> int:
    axis = attribute(node, "axis", 0)
    shape = model.tensors[node.input[0]].shape if node.input[0] in model.tensors else None
    if not shape or not -len(shape) <= axis < len(shape):
        return 0
    size = shape[axis]
    return size if isinstance(size, int) else 0
