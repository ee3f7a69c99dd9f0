"""Units as counts that costs are sums over: padded operations, elements and weights, by the kind of work.

What a unit costs depends on its neighbours: an activation right after a convolution is free, and so are the parts of a
GELU after the first. So a model is walked in order; a unit by itself is counted as if it stood alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.planning.costs import rules, views
from zif.planning.costs.kinds import FEATURES, FOLLOWERS, GATES, UNFOLDING, kind_of
from zif.planning.costs.shapes import Shape, sizes

if TYPE_CHECKING:
    from zif.model import Model, Unit
    from zif.records import TensorInfo

Floats = NDArray[np.float64]

_COLUMN = {name: index for index, name in enumerate(FEATURES)}
_FUSED = 0.1  # of an operator's overhead, for one that rides on its neighbour
_MATRIX = frozenset({"conv", "product"})
_CACHE: WeakKeyDictionary[Model, Features] = WeakKeyDictionary()


@frozen(eq=False)
class Features:
    """The counts of n units.

    counts: float64[n, len(FEATURES)]. elements, weights: float64[n], millions as they are, not padded; elements are
    those of inputs and outputs. macs: float64[n]. All zero for a unit that engines compute before the first run.
    """

    counts: Floats
    macs: Floats
    elements: Floats
    weights: Floats


def of_model(model: Model) -> Features:
    """The counts of every unit, in the model's order; kept as long as the model is."""
    features = _CACHE.get(model)
    if features is None:
        images = views.pictures(model)
        walk = _Walk(model.tensors, model.units, [value.name for value in model.outputs], images, views.orders(model))
        features = _CACHE[model] = walk.run(model.units)
    return features


class _Made(NamedTuple):
    """What is known of the unit that made a value; `chain`: what its fused chain starts from, "matrix" or "Erf"."""

    op_type: str
    source: str
    chain: str


class _Walk:
    """One pass over units in order."""

    def __init__(
        self,
        tensors: Mapping[str, TensorInfo],
        units: Sequence[Unit],
        outputs: Sequence[str],
        images: Sequence[str],
        orders: Mapping[str, Sequence[int]],
    ) -> None:
        self.tensors = tensors
        self.orders = orders
        self.made: dict[str, _Made] = {}
        self.images = set(images)  # values laid out with the channels second
        self.handed = set(images)  # those of them that nobody has laid out for the engine yet
        self.fixed: set[str] = set()  # values that are known before the first run
        self.readers = readers = dict.fromkeys(outputs, 1)
        self.reader: dict[str, Unit] = {}  # the last one
        for unit in units:
            for name in unit.inputs:
                readers[name] = readers.get(name, 0) + 1
                self.reader[name] = unit

    def run(self, units: Sequence[Unit]) -> Features:
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        plain: list[Sequence[float]] = []
        for row, unit in enumerate(units):
            features, *sizes_of = self.visit(unit)
            plain.append(sizes_of)
            for name, value in features.items():
                rows.append(row)
                columns.append(_COLUMN[name])
                values.append(value)
        counts = np.zeros((len(units), len(FEATURES)))
        counts[rows, columns] = values
        return Features(counts, *np.array(plain, dtype=np.float64).reshape(-1, 3).T)

    def visit(self, unit: Unit) -> tuple[rules.Counts, float, float, float]:
        """(counts, macs, elements, weights) of the next unit."""
        live = [name for name in unit.inputs if name not in self.fixed] if self.fixed else unit.inputs
        kind = kind_of(unit.op_type, unit.macs)
        if not live or (kind == "free" and unit.op_type != "Identity"):
            self.fixed.update(unit.outputs)
            return {}, 0.0, 0.0, 0.0
        image = self._is_image(kind, live[0])
        made = self.made.get(live[0])
        if kind == "free":
            self._note(unit, _Made(unit.op_type, live[0], made.chain if made else ""), image)
            return {}, 0.0, 0.0, 0.0
        if kind == "transpose" and (seen := self._view(unit, live[0])):
            self._note(unit, _Made(unit.op_type, live[0], made.chain if made else ""), seen == "image")
            return {"op": _FUSED}, 0.0, 0.0, 0.0
        chain = self._chain(unit.op_type, live) if unit.op_type in FOLLOWERS else None
        if chain is not None:
            self._note(unit, _Made(unit.op_type, live[0], chain), image)
            return {"op": _FUSED}, float(unit.macs), 0.0, 0.0
        if unit.op_type in ("Div", "Mul") and len(live) == 1 and self._into_erf(unit):
            self._note(unit, _Made(unit.op_type, live[0], ""), image)
            return {"op": _FUSED}, float(unit.macs), 0.0, 0.0
        self._note(unit, _Made(unit.op_type, live[0], "matrix" if kind in _MATRIX else ""), image)
        return self._count(unit, kind, live, image)

    def _is_image(self, kind: str, source: str) -> bool:
        return kind in ("conv", "pool", "average_pool") or (source in self.images and kind not in UNFOLDING)

    def _note(self, unit: Unit, made: _Made, image: bool) -> None:
        for name in unit.outputs:
            self.made[name] = made
        if image:
            self.images.update(unit.outputs)

    def _count(
        self, unit: Unit, kind: str, live: Sequence[str], image: bool
    ) -> tuple[rules.Counts, float, float, float]:
        elements = into = copied = out = 0.0
        inputs, outputs = [], []
        for name in live:
            shape = self._shape(name)
            inputs.append(shape)
            plain, last, second = sizes(shape)
            padded = second if kind == "conv" or name in self.images else last
            elements += plain
            into += padded
            if kind == "concat" and not self._in_place(name):
                copied += padded
        for name in unit.outputs:
            shape = self._shape(name)
            outputs.append(shape)
            plain, last, second = sizes(shape)
            elements += plain
            out += second if image else last
        weights, kernel = self._weights(unit) if unit.weights or self.fixed else (0.0, ())
        facts = rules.Facts(unit, kind, inputs, outputs, into, out, copied, weights, kernel)
        return rules.counts(facts) | self._laid_out(unit, live), float(unit.macs), elements, weights

    def _laid_out(self, unit: Unit, live: Sequence[str]) -> rules.Counts:
        """A picture is laid out with its channels last by whoever reads it first, and as narrow as it is by then."""
        first = self.handed.intersection(live)
        self.handed -= first
        if first and unit.op_type in ("QuantizeLinear", "Cast"):
            self.handed.update(unit.outputs)
            return {}
        return {"picture": sum(sizes(self._shape(name))[2] for name in first)} if first else {}

    def _weights(self, unit: Unit) -> tuple[float, Shape]:
        """Millions of weights, those of four bits for half, and the shape of the first that is one."""
        total = 0.0
        kernel: Shape = ()
        known = unit.weights if not self.fixed else (*unit.weights, *(n for n in unit.inputs if n in self.fixed))
        for name in known:
            info = self.tensors.get(name)
            if info is not None and info.shape:
                total += sizes(info.shape)[0] * (0.5 if info.dtype.endswith("int4") else 1.0)
                kernel = kernel or (info.shape if len(info.shape) >= 3 else ())
        return total, kernel

    def _into_erf(self, unit: Unit) -> bool:
        """Whether it only scales what an erf reads: the first part of a GELU."""
        name = unit.outputs[0]
        return self.readers.get(name) == 1 and name in self.reader and self.reader[name].op_type == "Erf"

    def _in_place(self, name: str) -> bool:
        made = self.made.get(name)
        return made is not None and made.chain == "matrix" and self.readers.get(name) == 1

    def _view(self, unit: Unit, source: str) -> str:
        """What a transposition leaves, "image" or "plain", when no data moves for it; "" when some does."""
        name = unit.outputs[0] if unit.outputs else ""
        alone = self.reader.get(name) if self.readers.get(name) == 1 else None
        operand = alone is not None and alone.op_type == "MatMul" and alone.inputs[-1] == name
        return views.view(self._shape(source), self.orders.get(unit.id, ()), source in self.images, operand)

    def _chain(self, op_type: str, live: Sequence[str]) -> str | None:
        """What the fused chain that this unit continues starts from; None when it stands alone."""
        first = self.made.get(live[0])
        if len(live) == 1:
            return self._chain_of_one(op_type, first) if first and self.readers.get(live[0]) == 1 else None
        if op_type != "Mul" or len(live) != 2:
            return None
        for maker, other in ((first, live[1]), (self.made.get(live[1]), live[0])):
            if maker is not None and maker.op_type in GATES and maker.source == other:  # x · sigmoid(x)
                return ""
            if maker is not None and maker.chain == "Erf":  # x · (1 + erf(x / √2))
                return "Erf"
        return None

    @staticmethod
    def _chain_of_one(op_type: str, maker: _Made) -> str | None:
        if maker.chain == "Erf" or (maker.op_type == "Erf" and op_type == "Add"):
            return "Erf"
        if maker.chain == "matrix":
            return "matrix"
        return "" if op_type in ("Relu", "Clip") and maker.op_type in ("Add", "BatchNormalization") else None

    def _shape(self, name: str) -> Shape:
        info = self.tensors.get(name)
        return info.shape or () if info is not None else ()
