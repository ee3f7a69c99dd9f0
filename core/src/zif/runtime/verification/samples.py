"""Samples where the user has none: values that respect what the graph says of its inputs, the same for one seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zif.model.attributes import attribute

if TYPE_CHECKING:
    from zif.model import Model
    from zif.records import Array

SEEDS = (0, 1, 2)
#: Operators that hand an index on as it is.
_SAME = frozenset(
    {
        *("Cast", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose"),
        *("Slice", "Expand", "Tile", "Concat", "Split"),
    }
)
_INDEXING = frozenset({"Gather", "GatherElements"})


def made_samples(model: Model, *, from_end: bool = True) -> list[dict[str, Any]]:
    """One set of inputs for each of SEEDS. Raises InvalidInput for open dimensions but the batch.

    Floats are normal around zero; between 0 and 1, as pictures and probabilities are; and four times as wide in steps
    of a quarter, so that there are ties and zeros. Integers that index a table reach from its first row to its last, in
    the last set counted from the end, which ONNX allows and frameworks do not (from_end); other wide integers are 0 or
    1, which are valid as masks, types and lengths.
    """
    from zif.inputs import random_inputs

    bounds = {info.name: bound for info in model.inputs if (bound := index_bound(model, info.name))}
    sets = []
    for seed, shape in zip(SEEDS, (_normal, _between, _stepped), strict=True):
        values = random_inputs(model.inputs, seed)
        last = from_end and seed == SEEDS[-1]
        sets.append({name: _fitted(name, value, seed, shape, bounds.get(name), last) for name, value in values.items()})
    return sets


def likelier(model: Model, sample: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The sample with other integers where they index no table: lengths are full, then 1.

    For samples of which the model itself makes no numbers: a length of 0 masks everything.
    """
    infos = {info.name: info for info in model.inputs}
    counting = [n for n, info in infos.items() if _is_wide(sample[n]) and not index_bound(model, n)]
    longest = max((dim for info in infos.values() for dim in np.shape(sample[info.name])), default=1)
    for count in (longest, 1) if counting else ():
        yield {**sample, **{name: np.full_like(sample[name], count) for name in counting}}


def _is_wide(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.dtype.itemsize > 1


def _normal(values: Array) -> Array:
    return values


def _between(values: Array) -> Array:
    shaped: Array = 1 / (1 + np.exp(-2 * values))
    return shaped


def _stepped(values: Array) -> Array:
    shaped: Array = np.round(16 * values) / 4
    return shaped


def _fitted(
    name: str, value: Array, seed: int, shape: Callable[[Array], Array], bound: int | None, from_end: bool
) -> Array:
    if bound and value.dtype.kind in "iu":
        return _indices(np.random.default_rng([seed, zlib.crc32(name.encode())]), value, bound, from_end)
    if value.dtype.kind != "f":
        return value
    shaped: Array = shape(value.astype(np.float64)).astype(value.dtype)
    return shaped


def _indices(source: np.random.Generator, value: Array, bound: int, from_end: bool) -> Array:
    """Rows of a table: the last and the first one among them; counted from the end if asked, where signed."""
    picked = source.integers(0, bound, value.shape)
    ends = picked.reshape(-1)[:2]
    ends[:] = (bound - 1, 0)[: ends.size]
    if from_end and value.dtype.kind == "i":
        picked = picked - bound
    rows: Array = picked.astype(value.dtype)
    return rows


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
            if node.op_type in _INDEXING and len(node.input) > 1 and node.input[1] == value:
                rows.append(_rows(model, node))
            elif node.op_type in _SAME and (node.input[0] == value or node.op_type == "Concat"):
                waiting += [name for name in node.output if name not in seen]
                seen.update(node.output)
    known = [count for count in rows if count]
    return min(known) if known else None


def _rows(model: Model, node: Any) -> int:
    axis = attribute(node, "axis", 0)
    shape = model.tensors[node.input[0]].shape if node.input[0] in model.tensors else None
    if not shape or not -len(shape) <= axis < len(shape):
        return 0
    size = shape[axis]
    return size if isinstance(size, int) else 0
