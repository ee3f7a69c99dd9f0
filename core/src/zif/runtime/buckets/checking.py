"""Whether padding may be: a padded run, cut back, held against the run at the real size, by the judge alone.

Both are computed in the model's own types, so that what differs is the padding and not a chip's arithmetic: a float
model may differ by the order of sums, a quantized one by what its rounding costs. The model is tried as it is, then
with masks. A bucket that fails is not padded for: it takes what fits it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.errors import ZifError
from zif.runtime.buckets.extents import Extent
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.masking import Guard, guarding
from zif.runtime.buckets.measuring import Unrelated, measured
from zif.runtime.buckets.mixing import mixer
from zif.runtime.buckets.padding import PADDINGS, cut, filled
from zif.runtime.buckets.pairs import Pair, paired
from zif.runtime.verification.record import gravest
from zif.runtime.verification.tallies import Beside

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.buckets.trial import Trial


@frozen
class Finding:
    """What was found of one bucket. padding: what may fill it up, "" for nothing; then `reason` says why not, and
    `unit` which node is why. least: no smaller sizes are padded: the model itself does not run on them. guards: the
    inputs of its graph that say where the valid part ends; none where the model is padded as it is."""

    padding: str
    reason: str = ""
    unit: str = ""
    least: Point = ()
    guards: tuple[Guard, ...] = ()


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
    except (ZifError, Unrelated) as error:
        return Findings(tuple(Finding("", str(error)) for _ in points))
    findings = []
    for point in points:
        told(f"padding {trial.grid.label(point)}")
        findings.append(_tried(trial, point, extents))
    return Findings(tuple(findings), extents)


def _tried(trial: Trial, point: Point, extents: Sequence[Extent]) -> Finding:
    try:
        pairs, least = paired(trial, point, extents)
    except ZifError as error:
        return Finding("", f"the judge cannot run it: {error}")
    except Unrelated as error:
        return Finding("", str(error))
    if not pairs:
        return Finding("zero", least=point)
    worst: _Worst | None = None
    for padding in PADDINGS:
        failed = _failing(trial, point, pairs, extents, _Way(trial.run, padding))
        if failed is None:
            return Finding(padding, least=least)
        worst = worst or _Worst(failed, trial.model, padding)
    for padding in PADDINGS:
        model, guards = trial.masked(point, padding)
        if not guards:
            continue
        whole = trial.made(point)
        every = [*pairs, Pair(point, whole, trial.run(whole))]
        with trial.judge.session(model) as session:
            way = _Way(session.run, padding, guards)
            failed = _failing(trial, point, every, extents, way)
            larger = None if failed is None else _from(trial, point, every, extents, way)
        if failed is None or larger is not None:
            return Finding(padding, least=larger or least, guards=guards)
        worst = _Worst(failed, model, padding, guards)
    assert worst is not None
    return _refused(trial, point, worst)


@frozen(eq=False)
class _Way:
    """How a bucket would be run: by what, filled up with what, and with which masks."""

    run: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    padding: str
    guards: tuple[Guard, ...] = ()


@frozen(eq=False)
class _Worst:
    """What failed, in the last form of the model that was tried."""

    pair: Pair
    model: Model
    padding: str
    guards: tuple[Guard, ...] = ()


def _refused(trial: Trial, point: Point, worst: _Worst) -> Finding:
    """The bucket takes no padding: why, with the node that is at fault."""
    pair = worst.pair
    padded = _filled(trial.grid, point, pair, worst.padding, worst.guards)
    unit = mixer(trial.model, worst.model, trial.judge, pair.own, padded)
    who = f"{unit.op_type} {unit.id!r} mixes" if unit else "the model mixes"
    where = f"{trial.grid.label(pair.at)} in {trial.grid.label(point)}"
    return Finding("", f"{who} padding into the valid part ({where})", unit.id if unit else "")


def _filled(grid: Grid, point: Point, pair: Pair, padding: str, guards: Sequence[Guard]) -> dict[str, Any]:
    shapes, own = grid.shapes(point), pair.own
    ready = {name: filled(value, shapes[name], padding) if name in shapes else value for name, value in own.items()}
    return ready | guarding(guards, pair.at)


def _failing(trial: Trial, point: Point, pairs: Sequence[Pair], extents: Sequence[Extent], way: _Way) -> Pair | None:
    """The first of the inputs for which the padded run is not, on the valid part, what the one at the real size is."""
    return next((pair for pair in pairs if not _right(trial, point, pair, extents, way)), None)


def _from(trial: Trial, point: Point, pairs: Sequence[Pair], extents: Sequence[Extent], way: _Way) -> Point | None:
    """The least size from which on all is right, where only the smallest ones are not, as what is normalized over one
    element; None where there is none."""
    if len(point) > 1:
        return None
    wrong = {pair.at[0] for pair in pairs if not _right(trial, point, pair, extents, way)}
    high = min((pair.at[0] for pair in pairs if pair.at[0] not in wrong), default=0)
    low = max(wrong)
    if low > high or high >= point[0]:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        own = trial.made((middle,))
        right = _right(trial, point, Pair((middle,), own, trial.run(own)), extents, way)
        low, high = (low, middle) if right else (middle, high)
    return (high,)


def _right(trial: Trial, point: Point, pair: Pair, extents: Sequence[Extent], way: _Way) -> bool:
    shapes = {extent.name: extent.of(pair.at) for extent in extents}
    try:
        made = way.run(_filled(trial.grid, point, pair, way.padding, way.guards))
    except ZifError:
        return False
    part = {name: cut(made[name], shape) for name, shape in shapes.items()}
    beside = Beside()
    beside.add(pair.right, part, trial.least(pair.own, pair.right), shapes)
    return gravest(beside.rows(), trial.precision) == "right"
