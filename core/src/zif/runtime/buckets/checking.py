"""Whether padding may be: a padded run, cut back, held against the run at the real size, by the judge alone.

Both are computed in the model's own types, so that what differs is the padding and not a chip's arithmetic: a float
model may differ by the order of sums, a quantized one by what its rounding costs. A bucket that fails is not padded
for: it takes what fits it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import ZifError
from zif.runtime.buckets.extents import STRIDES, Extent, Rule, rule
from zif.runtime.buckets.filling import PADDINGS, cut, filled
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.mixing import mixer
from zif.runtime.verification.beside import Beside
from zif.runtime.verification.record import gravest

if TYPE_CHECKING:
    from zif.runtime.buckets.trial import Trial


@frozen
class Finding:
    """What was found of one bucket. padding: what may fill it up, "" for nothing; then `reason` says why not, and
    `unit` which node is why. least: no smaller sizes are padded: the model itself does not run on them."""

    padding: str
    reason: str = ""
    unit: str = ""
    least: Point = ()


@frozen
class Findings:
    """What was found of a grid: of each point in its order, and how its outputs are cut."""

    points: tuple[Finding, ...]
    extents: tuple[Extent, ...] = ()


def check(trial: Trial, told: Callable[[str], None] = lambda _: None) -> Findings:
    """Try every bucket."""
    points = trial.grid.points()
    try:
        told("measuring how outputs grow with inputs")
        extents = tuple(measured(trial))
    except (ZifError, _Unrelated) as error:
        return Findings(tuple(Finding("", str(error)) for _ in points))
    found = []
    for point in points:
        told(f"padding {trial.grid.label(point)}")
        found.append(_tried(trial, point, extents))
    return Findings(tuple(found), extents)


class _Unrelated(Exception):
    """An output whose size follows from the inputs' sizes in no way that is known."""


def measured(trial: Trial) -> Iterable[Extent]:
    """How large every output is. Raises ZifError where the judge cannot run, _Unrelated where nothing fits."""
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
        yield Extent(info.name, tuple(_dim(info.name, place, dim, symbols, seen) for place, dim in enumerate(dims)))


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
        rows += [shapes(axis, one) for one in range(max(size - 2 * stride, 1), size) if one != far]
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
        found = rule(axis, [(size, shapes[name][place]) for size, shapes in rows])
        if found is None:
            raise _Unrelated(f"dimension {place} of the output {name!r} does not follow from the inputs' sizes")
        if isinstance(found, Rule):
            rules.append(found)
        else:
            value = found
    if len(rules) > 1:
        raise _Unrelated(f"dimension {place} of the output {name!r} follows from two dimensions of the inputs")
    return rules[0] if rules else value


def _tried(trial: Trial, point: Point, extents: Sequence[Extent]) -> Finding:
    try:
        pairs, least = _pairs(trial, point)
    except ZifError as error:
        return Finding("", f"the judge cannot run it: {error}")
    if not pairs:
        return Finding("zero", least=point)
    worst: _Pair | None = None
    for padding in PADDINGS:
        failed = next((pair for pair in pairs if not _right(trial, point, pair, padding, extents)), None)
        if failed is None:
            return Finding(padding, least=least)
        worst = worst or failed
    assert worst is not None
    return _refused(trial, point, worst)


def _refused(trial: Trial, point: Point, pair: _Pair) -> Finding:
    """The bucket takes no padding: why, with the node that is at fault."""
    padded = _filled(trial.grid, point, pair.own, PADDINGS[0])
    unit = mixer(trial.model, trial.judge, pair.own, padded)
    who = f"{unit.op_type} {unit.id!r} mixes" if unit else "the model mixes"
    where = f"{trial.grid.label(pair.at)} in {trial.grid.label(point)}"
    return Finding("", f"{who} padding into the valid part ({where})", unit.id if unit else "")


@frozen(eq=False)
class _Pair:
    """Inputs that a bucket pads, with their sizes, and what is right for them."""

    at: Point
    own: Mapping[str, Any]
    right: Mapping[str, Any]


def _pairs(trial: Trial, point: Point) -> tuple[list[_Pair], Point]:
    """Inputs that the bucket pads; and the least sizes that ran."""
    pairs: list[_Pair] = []
    failed: ZifError | None = None
    below = _below(trial.grid, point)
    for at, own in trial.tried(point, below):
        try:
            pairs.append(_Pair(at, own, trial.run(own)))
        except ZifError as error:  # too small for the model itself, as a window may be larger
            failed = error
    if failed is not None and not pairs:
        raise failed
    if failed is None or not pairs:
        return pairs, tuple(1 for _ in point)
    return pairs, tuple(min(pair.at[axis] for pair in pairs) for axis in range(len(point)))


def _below(grid: Grid, point: Point) -> Point:
    """The next smaller sizes of each axis; 0 where there are none."""
    return tuple(
        max((one for one in axis.sizes if one < size), default=0) for axis, size in zip(grid.axes, point, strict=True)
    )


def _filled(grid: Grid, point: Point, own: Mapping[str, Any], padding: str) -> dict[str, Any]:
    shapes = grid.shapes(point)
    return {name: filled(value, shapes[name], padding) if name in shapes else value for name, value in own.items()}


def _right(trial: Trial, point: Point, pair: _Pair, padding: str, extents: Sequence[Extent]) -> bool:
    """Whether the padded run is, on the valid part, what the run at the real size is."""
    shapes = {extent.name: extent.of(pair.at) for extent in extents}
    if any(pair.right[name].shape != shape for name, shape in shapes.items()):
        return False
    try:
        made = trial.run(_filled(trial.grid, point, pair.own, padding))
    except ZifError:
        return False
    part = {name: cut(made[name], shape) for name, shape in shapes.items()}
    beside = Beside()
    beside.add(pair.right, part, trial.least(pair.own, pair.right), shapes)
    return gravest(beside.rows(), trial.precision) == "right"
