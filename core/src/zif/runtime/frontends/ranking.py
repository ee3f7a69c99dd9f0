"""Rows in the order of their scores, as detectors give them: where scores are as good as equal, any order is right.

Two engines that add up in another order give scores that differ in their last place, and so change neighbours. Rows
are held against each other as the same set there, and in their order everywhere else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zif.runtime.measures import is_float

if TYPE_CHECKING:
    from zif.records import Array

#: Scores as far apart as this, of the largest, are never equal.
_FAR = 1e-4
#: A row that is off by so much of its output's largest value is another row.
_OTHER = 1e-3
_MOST_ROWS = 5000
#: Columns of one output, of which one may be the score: boxes, score, class and a few more.
_COLUMNS = 16


class _Ranking(NamedTuple):
    """Scores [..., rows] of the source and of what was made, never growing along the rows in the source."""

    right: Array
    made: Array


def aligned(right: Mapping[str, Any], made: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """What was made, with rows of equal scores in the order of the source; and how many rows that moved."""
    theirs = {name: np.asarray(value) for name, value in right.items() if name in made}
    ours = {name: np.asarray(made[name]) for name in theirs}
    numeric = [name for name in theirs if theirs[name].dtype.kind in "fiub" and ours[name].shape == theirs[name].shape]
    for ranking in _rankings(theirs, ours, numeric):
        lead = ranking.right.shape
        group = [name for name in numeric if theirs[name].shape[: len(lead)] == lead]
        order = _order(ranking, _features(theirs, group, lead), _features(ours, group, lead, of=theirs))
        moved = int((order != np.arange(lead[-1])).sum())
        if moved:
            return {**made, **{name: _taken(ours[name], order, lead) for name in group}}, moved
    return dict(made), 0


def _rankings(right: Mapping[str, Array], made: Mapping[str, Array], names: list[str]) -> Iterator[_Ranking]:
    for name in names:
        if not is_float(right[name]) or not right[name].ndim or not right[name].size:
            continue
        pairs = [(right[name], made[name])]
        if right[name].ndim > 1 and right[name].shape[-1] <= _COLUMNS:
            pairs += [(right[name][..., at], made[name][..., at]) for at in range(right[name].shape[-1])]
        for source, other in pairs:
            if 1 < source.shape[-1] <= _MOST_ROWS and _is_ranked(source) and np.isfinite(other).all():
                yield _Ranking(source.astype(np.float64), other.astype(np.float64))


def _is_ranked(scores: Array) -> bool:
    return bool(np.isfinite(scores).all() and (np.diff(scores, axis=-1) <= 0).all())


def _features(values: Mapping[str, Array], names: list[str], lead: tuple[int, ...], of: Any = None) -> Array:
    """Everything that is told of each row, each output in parts of the largest value that the source has there."""
    features = []
    for name in names:
        scale = np.abs((of or values)[name].astype(np.float64)).max(initial=0) or 1.0
        features.append(
            values[name].astype(np.float64).reshape(*lead, math.prod(values[name].shape[len(lead) :])) / scale
        )
    return np.concatenate(features, -1)


def _order(ranking: _Ranking, right: Array, made: Array) -> Array:
    """Where each of the source's rows stands in what was made; shape as the scores."""
    order = np.empty(ranking.right.shape, np.int64)
    for at in np.ndindex(ranking.right.shape[:-1]):
        order[at] = _matched(ranking.right[at], ranking.made[at], right[at], made[at])
    return order


def _matched(scores: Array, others: Array, right: Array, made: Array) -> Array:
    order = np.arange(len(scores))
    off = np.flatnonzero(~(np.abs(right - made).max(-1) <= _OTHER))
    scale = float(np.abs(scores).max())
    noise = float(np.abs(scores - others).max())
    if not off.size or noise > _FAR * scale:
        return order
    near = min(max(8 * noise, 1e-6 * scale), _FAR * scale)
    left = list(off)
    for row in off:
        alike = [place for place in left if abs(others[place] - scores[row]) <= near]
        nearest = min(alike or left[:1], key=lambda place: float(np.square(right[row] - made[place]).sum()))
        order[row] = nearest
        left.remove(nearest)
    return order


def _taken(values: Array, order: Array, lead: tuple[int, ...]) -> Array:
    places = order.reshape(*lead, *(1,) * (values.ndim - len(lead)))
    taken: Array = np.take_along_axis(values, places, axis=len(lead) - 1)
    return taken
