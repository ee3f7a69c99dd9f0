"""How far each value of a model is valid, axis by axis: what shape inference gives at several sizes, as rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from zif.runtime.buckets.extents import STRIDES, Rule, rule
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.masking.expanding import expanded

if TYPE_CHECKING:
    from zif.model import Model

#: Of each value: a rule for each axis that grows with one of the grid's, None for one that grows and follows no rule.
Spans = Mapping[str, Mapping[int, Rule | None]]
_Shapes = Mapping[str, tuple[int | str | None, ...] | None]
#: Sizes of an axis, each with a dimension there.
_Sizes = tuple[tuple[int, int], ...]


def spans(model: Model, grid: Grid) -> Spans:
    """The axes that grow with the inputs, of the values of a model and of those that it has when it is expanded.

    Raises ZifError where a size cannot be inferred at.
    """
    model = expanded(model)
    most = tuple(max(axis.sizes) for axis in grid.axes)
    whole = _shapes(model, grid, most)
    by_value: dict[str, dict[int, Rule | None]] = {}
    for axis in range(len(most)):
        rows = _rows(model, grid, most, axis, whole)
        known = cache(partial(_rule, axis))
        for name, shape in whole.items():
            for place in range(len(shape or ())):
                pairs = _pairs(rows, name, place)
                if pairs is not None and len({dim for _, dim in pairs}) > 1:
                    own = by_value.setdefault(name, {})
                    own[place] = known(pairs) if place not in own else None
    return by_value


def _rule(axis: int, pairs: _Sizes) -> Rule | None:
    made = rule(axis, pairs)
    return made if isinstance(made, Rule) else None


def _shapes(model: Model, grid: Grid, point: Point) -> _Shapes:
    return {name: info.shape for name, info in model.load(model, grid.shapes(point)).tensors.items()}


def _rows(model: Model, grid: Grid, most: Point, axis: int, whole: _Shapes) -> Sequence[tuple[int, _Shapes]]:
    """The shapes of all values at sizes of an axis in a row, over two of the widest strides, and at one further off."""
    size = most[axis]

    def at(smaller: int) -> tuple[int, _Shapes]:
        return smaller, _shapes(model, grid, (*most[:axis], smaller, *most[axis + 1 :]))

    far = at(max(1, size // 2, size - 4 * STRIDES))
    stride = _stride(size, whole, *far)
    near = [at(smaller) for smaller in range(max(size - 2 * stride, 1), size) if smaller != far[0]]
    return [(size, whole), far, *near]


def _stride(size: int, whole: _Shapes, less: int, shapes: _Shapes) -> int:
    """How many elements more it takes, at most, for one more of any value's."""
    steps = [
        (size - less) / abs(a - b)
        for name, shape in whole.items()
        for a, b in zip(shape or (), shapes.get(name) or (), strict=False)
        if isinstance(a, int) and isinstance(b, int) and a != b
    ]
    return min(STRIDES, max(1, *(round(step) for step in steps))) if steps else 1


def _pairs(rows: Sequence[tuple[int, _Shapes]], name: str, place: int) -> _Sizes | None:
    pairs = []
    for size, shapes in rows:
        shape = shapes.get(name)
        dim = shape[place] if shape and place < len(shape) else None
        if not isinstance(dim, int):
            return None
        pairs.append((size, dim))
    return tuple(pairs)
