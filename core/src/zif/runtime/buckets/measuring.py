"""How large a model's outputs are for inputs of any size: by the names of dimensions, or by what the judge gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zif.runtime.buckets.extents import STRIDES, Extent, Rule, rule

if TYPE_CHECKING:
    from zif.runtime.buckets.trial import Trial


class Unrelated(Exception):
    """An output whose size follows from the inputs' sizes in no way that is known."""


def measured(trial: Trial) -> Iterable[Extent]:
    """How large every output is. Raises ZifError where the judge cannot run, Unrelated where nothing fits."""
    symbols = _symbols(trial)
    open_dims = [
        (info.name, axis)
        for info in trial.model.outputs
        for axis, dim in enumerate(info.shape or (None,))
        if not _known(dim, symbols)
    ]
    seen = _probed(trial) if open_dims else {}
    for info in trial.model.outputs:
        rank = len(info.shape) if info.shape is not None else len(next(iter(seen.values()))[0][1][info.name])
        dims = info.shape if info.shape is not None else (None,) * rank
        try:
            yield Extent(info.name, tuple(_dim(info.name, place, dim, symbols, seen) for place, dim in enumerate(dims)))
        except Unrelated as error:
            raise Unrelated(f"{_deciding(trial, info.name)}{error}") from None


def _deciding(trial: Trial, name: str) -> str:
    """Who makes the first value behind an output whose size is not known when the inputs' are: "NonZero 'n': "."""
    model = trial.model
    whole = model.load(model, trial.grid.shapes(tuple(max(axis.sizes) for axis in trial.grid.axes)))
    behind = {name}
    for unit in reversed(whole.units):
        if not behind.isdisjoint(unit.outputs):
            behind.update(unit.inputs)
    for unit in whole.units:
        made = [value for value in unit.outputs if value in behind and value in whole.tensors]
        if not all(whole.tensors[value].static for value in made):
            return f"{unit.op_type} {unit.id!r} decides by values: "
    return ""


def _known(dim: Any, symbols: Mapping[str, int | Rule]) -> bool:
    return isinstance(dim, int) or dim in symbols


def _symbols(trial: Trial) -> dict[str, int | Rule]:
    """What a named dimension is: an axis of the grid, or a number that the grid fixes."""
    known: dict[str, int | Rule] = {}
    for info in trial.model.inputs:
        for place, dim in enumerate(info.shape or ()):
            if isinstance(dim, str):
                known[dim] = trial.grid.fixed[info.name][place]
    for number, axis in enumerate(trial.grid.axes):
        for name, place in axis.places:
            shape = next(info.shape for info in trial.model.inputs if info.name == name)
            if shape and isinstance(shape[place], str):
                known[str(shape[place])] = Rule(number)
    return known


#: By axis: sizes, and the shapes of the outputs there.
_Seen = Mapping[int, Sequence[tuple[int, Mapping[str, tuple[int, ...]]]]]


def _probed(trial: Trial) -> _Seen:
    """The outputs' shapes at several sizes of each axis, with the others at their largest."""
    most = tuple(max(axis.sizes) for axis in trial.grid.axes)

    def shapes(axis: int, size: int) -> tuple[int, Mapping[str, tuple[int, ...]]]:
        made = trial.run(trial.made((*most[:axis], size, *most[axis + 1 :])))
        return size, {name: value.shape for name, value in made.items()}

    seen = {}
    for axis, size in enumerate(most):
        far = max(1, size // 2, size - 4 * STRIDES)
        rows = [shapes(axis, size), shapes(axis, far)]
        stride = min(STRIDES, max(_stride(size, rows[0][1]), 1))
        rows += [shapes(axis, tried) for tried in range(max(size - 2 * stride, 1), size) if tried != far]
        seen[axis] = rows
    return seen


def _stride(size: int, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The widest stride that could make one of these dimensions of the size."""
    return max((-(-size // dim) for shape in shapes.values() for dim in shape if 1 < dim <= size), default=1)


def _dim(name: str, place: int, dim: Any, symbols: Mapping[str, int | Rule], seen: _Seen) -> int | Rule:
    if _known(dim, symbols):
        return dim if isinstance(dim, int) else symbols[dim]
    rules: list[Rule] = []
    value = 0
    for axis, rows in seen.items():
        relation = rule(axis, [(size, shapes[name][place]) for size, shapes in rows])
        if relation is None:
            raise Unrelated(f"dimension {place} of the output {name!r} does not follow from the inputs' sizes")
        if isinstance(relation, Rule):
            rules.append(relation)
        else:
            value = relation
    if len(rules) > 1:
        raise Unrelated(f"dimension {place} of the output {name!r} follows from two dimensions of the inputs")
    return rules[0] if rules else value
