"""How much memory a placement needs on every backend: its weights, and its activations by the lifetimes of tensors.

A tensor lives on the backend that made it until its last reader there has run, or until the end of its segment when it
leaves that. On the host it lives from the start of the segment that makes it to the end of the last one that reads it,
and on a receiving backend, as a copy, from the start of the reading segment to its last reader. A CPU works in host
memory, so that what enters and leaves its segments is counted on the host alone. Engines may do with less: they tile,
fuse and overwrite in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.planning.plan import Memory

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.placement import Problem
    from zif.planning.pricing import Prices

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: A size that is not known counts as 4 KiB, as in transfers: it has to count as something.
UNKNOWN = 4096

#: Types whose values a backend keeps as wide as it computes in floating point.
_WIDE = {"float32": 4.0, "float64": 8.0}


@frozen(eq=False)
class Sizes:
    """Bytes of a model's tensors and weights as every backend keeps them.

    tensors: float64[t, K + 1], the host last. weights: float64[w, K], and the unit and the number of each: int64[w].
    """

    tensors: Floats
    weights: Floats
    weight_unit: Ints
    weight_id: Ints

    @classmethod
    def of(cls, model: Model, prices: Prices, tensors: Sequence[str]) -> Sizes:
        """Sizes of the named tensors, and of the weights of all units. Reads no weights, only their shapes."""
        narrow = prices.float_bytes
        rows, numbers, sized, wide = _weights(model)
        infos = [model.tensors.get(name) for name in tensors]
        plain = np.array([UNKNOWN if (i is None or i.nbytes is None) else i.nbytes for i in infos], dtype=np.float64)
        width = np.array([_WIDE.get(i.dtype, 0.0) if i is not None else 0.0 for i in infos])
        kept = np.concatenate([_kept(plain, width, narrow), plain[:, None]], axis=1)
        return cls(kept, _kept(sized, wide, narrow), rows, numbers)


def _kept(plain: Floats, width: Floats, narrow: Floats) -> Floats:
    """float64[x, K]: sizes where floating point takes `narrow` bytes an element; width 0: kept as it is."""
    factor = np.where(width[:, None] > narrow[None, :], narrow[None, :] / np.maximum(width, 1.0)[:, None], 1.0)
    return plain[:, None] * factor


def _weights(model: Model) -> tuple[Ints, Ints, Floats, Floats]:
    """(unit, number, bytes, width of floating point) of every weight that a unit reads; what its bodies hold, too."""
    rows, numbers, sizes, widths = [], [], [], []
    known: dict[str, int] = {}
    for row, unit in enumerate(model.units):
        inside = float(unit.weight_bytes)
        for name in unit.weights:
            info = model.tensors.get(name)
            size = float(info.nbytes or 0) if info is not None else 0.0
            inside -= size
            rows.append(row)
            numbers.append(known.setdefault(name, len(known)))
            sizes.append(size)
            widths.append(_WIDE.get(info.dtype, 0.0) if info is not None else 0.0)
        if inside > 0:
            rows.append(row)
            numbers.append(known.setdefault(f"\0{row}", len(known)))
            sizes.append(inside)
            widths.append(0.0)
    return (
        np.array(rows, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
        np.array(sizes, dtype=np.float64),
        np.array(widths, dtype=np.float64),
    )


@frozen(eq=False)
class _Lives:
    """Who holds what from when to when: int64[x] holders (K: the host), first and last unit in order, bytes."""

    holder: Ints
    first: Ints
    last: Ints
    nbytes: Floats


@frozen(slots=False, eq=False)
class _Order:
    """Units in the order in which they run. place: int64[n]; start, end: int64[segments], places."""

    labels: Ints
    segments: Ints

    @cached_property
    def units(self) -> Ints:
        return np.lexsort((np.arange(len(self.segments)), self.segments))

    @cached_property
    def place(self) -> Ints:
        values = np.empty(len(self.segments), dtype=np.int64)
        values[self.units] = np.arange(len(values))
        return values

    @cached_property
    def end(self) -> Ints:
        return np.cumsum(np.bincount(self.segments)) - 1

    @cached_property
    def start(self) -> Ints:
        return np.concatenate([[0], self.end[:-1] + 1])

    @cached_property
    def label_of(self) -> Ints:
        """int64[segments]"""
        return self.labels[self.units[self.start]]


def footprints(
    task: Problem, sizes: Sizes, prices: Prices, labels: NDArray[np.int32], segments: NDArray[np.int32], model: Model
) -> dict[str, Memory]:
    """Memory by backend that got units, and "host": the inputs, the outputs and what is handed on between segments."""
    if not len(labels):
        return {}
    order = _Order(labels.astype(np.int64), segments.astype(np.int64))
    lives, weights = _lives(task, sizes, prices, order), _weight_bytes(sizes, order)
    work = _working_sets(task, sizes, order)
    by_backend = {}
    for k in [*np.unique(order.labels).tolist(), task.k]:
        peak, row = _peak(lives, order, k)
        mine, near = work[order.labels == k], prices.local_bytes[k] if k < task.k else None
        by_backend[(*task.backends, "host")[k]] = Memory(
            weights_bytes=int(weights[k]) if k < task.k else 0,
            activations_bytes=int(peak),
            peak_unit=model.units[row].id,
            largest_unit_bytes=int(mine.max(initial=0)),
            local_memory_bytes=near,
            beyond_local_memory=0 if near is None else int((mine > near).sum()),
        )
    return by_backend


def total(memories: Mapping[str, Memory]) -> int:
    """All of it together, as if every backend's peak came at once."""
    return sum(memory.weights_bytes + memory.activations_bytes for memory in memories.values())


def _peak(lives: _Lives, order: _Order, k: int) -> tuple[float, int]:
    """The most that one holder has at once, and the unit (a row of the model) that runs then."""
    mine = lives.holder == k
    change = np.zeros(len(order.place) + 1)
    np.add.at(change, lives.first[mine], lives.nbytes[mine])
    np.add.at(change, lives.last[mine] + 1, -lives.nbytes[mine])
    held = np.cumsum(change[:-1])
    at = int(held.argmax())
    return float(held[at]), int(order.units[at])


def _lives(task: Problem, sizes: Sizes, prices: Prices, order: _Order) -> _Lives:
    host, home = task.k, prices.at_home
    maker = task.producer.astype(np.int64)
    made = maker >= 0
    made_in = np.where(made, order.segments[np.maximum(maker, 0)], -1)
    tensor, reads_in, last_read = _readings(task, order)
    apart = reads_in != made_in[tensor]

    inner = order.place[np.maximum(maker, 0)]
    np.maximum.at(inner, tensor[~apart], last_read[~apart])
    leaves = task.is_output | ~made
    leaves[tensor[apart]] = True
    inner = np.where(leaves & made, order.end[np.maximum(made_in, 0)], inner)
    on = order.labels[np.maximum(maker, 0)]
    own = np.flatnonzero(made & ~(leaves & home[on]))

    lasts = np.where(task.is_output | ~made, len(order.place) - 1, 0)
    np.maximum.at(lasts, tensor[apart], order.end[reads_in[apart]])
    shared = np.flatnonzero(leaves)
    first = np.where(made, order.start[np.maximum(made_in, 0)], 0)

    copied = np.flatnonzero(apart & ~home[order.label_of[reads_in]])
    on_copy = order.label_of[reads_in[copied]]
    return _Lives(
        np.concatenate([on[own], np.full(len(shared), host), on_copy]),
        np.concatenate([order.place[maker[own]], first[shared], order.start[reads_in[copied]]]),
        np.concatenate([inner[own], lasts[shared], last_read[copied]]),
        np.concatenate(
            [sizes.tensors[own, on[own]], sizes.tensors[shared, host], sizes.tensors[tensor[copied], on_copy]]
        ),
    )


def _readings(task: Problem, order: _Order) -> tuple[Ints, Ints, Ints]:
    """(tensor, segment, place of the last reader there) for every segment that reads a tensor."""
    tensor = np.repeat(np.arange(task.tensors, dtype=np.int64), np.diff(task.consumer_ptr))
    reader = task.consumer_idx.astype(np.int64)
    width = len(order.end)
    pairs, which = np.unique(tensor * width + order.segments[reader], return_inverse=True)
    last = np.zeros(len(pairs), dtype=np.int64)
    np.maximum.at(last, which, order.place[reader])
    return pairs // width, pairs % width, last


def _weight_bytes(sizes: Sizes, order: _Order) -> Floats:
    """float64[K]: a weight that several units of a segment read is there once; in every segment that reads it."""
    segment = order.segments[sizes.weight_unit]
    key = segment * (int(sizes.weight_id.max(initial=0)) + 1) + sizes.weight_id
    _, first = np.unique(key, return_index=True)
    label = order.label_of[segment[first]]
    count = sizes.weights.shape[1]
    return np.bincount(label, weights=sizes.weights[first, label], minlength=count).astype(np.float64)


def _working_sets(task: Problem, sizes: Sizes, order: _Order) -> Floats:
    """float64[n]: what each unit reads and makes, besides weights, where it runs."""
    values = np.zeros(task.n)
    tensor, reader = task.graph.edge_tensor, task.graph.edge_reader
    np.add.at(values, reader, sizes.tensors[tensor, order.labels[reader]])
    made = np.flatnonzero(task.producer >= 0)
    maker = task.producer[made]
    np.add.at(values, maker, sizes.tensors[made, order.labels[maker]])
    return values
