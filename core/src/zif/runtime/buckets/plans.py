"""What every bucket should cost, before anything is built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from zif.planning import Plan
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.request import Asked


@frozen
class Share:
    """How many of some samples a bucket takes, and which share of their elements there is padding."""

    samples: int
    padding: float


@frozen(eq=False)
class BucketPlan:
    """The plan of one bucket. share: None where no samples were given. masks: how many its graph is planned with, as it
    is built; None where padding was not tried yet, so that nobody knows."""

    label: str
    shapes: Mapping[str, tuple[int, ...]]
    plan: Plan
    share: Share | None = None
    masks: int | None = None


@frozen(eq=False)
class BucketPlans:
    """The plans of a model's buckets, the one with the fewest elements first, and of what fits into none.

    rest: the plan at the real shape, on CPUs alone; None, and `no_rest` says why, where there is none.
    """

    model: str
    buckets: tuple[BucketPlan, ...]
    rest: Plan | None
    no_rest: str = ""

    def to_json(self) -> dict[str, Any]:
        """The document `zif.plan-buckets/1`, without its schema."""
        rows = [
            {
                "label": bucket.label,
                "shapes": {name: list(dims) for name, dims in bucket.shapes.items()},
                "samples": bucket.share and bucket.share.samples,
                "padding": bucket.share and round(bucket.share.padding, 4),
                "masks": bucket.masks,
                "plan": bucket.plan.to_json(),
            }
            for bucket in self.buckets
        ]
        rest = self.rest.to_json() if self.rest is not None else None
        return {"model": self.model, "buckets": rows, "rest": rest, "no_rest": self.no_rest}


def plans(asked: Asked, target: str, policy: str, wishes: Mapping[str, Any], **more: Any) -> BucketPlans:
    """Plan every bucket as it is built, as far as that was tried before, and the rest. Raises what planning raises."""
    shares, findings, points = shared(asked.grid, asked.samples), asked.known(), asked.grid.points()
    rows = []
    for point, finding in zip(points, findings.points if findings else [None] * len(points), strict=True):
        plan = asked.planner(point, target, policy, wishes, finding, **more).plan()
        shapes, share = asked.grid.shapes(point), shares[point] if shares else None
        rows.append(BucketPlan(asked.grid.label(point), shapes, plan, share, len(finding.guards) if finding else None))
    rest = asked.rest(target, policy, wishes)
    if isinstance(rest, str):
        return BucketPlans(asked.model.name, tuple(rows), None, rest)
    return BucketPlans(asked.model.name, tuple(rows), rest.plan())


def shared(grid: Grid, samples: Sequence[Any] | None) -> dict[Point, Share] | None:
    """Which samples each bucket takes if it may be padded for."""
    if not samples:
        return None
    points, taken = grid.points(), {point: [0, 0, 0] for point in grid.points()}
    for number in range(len(samples)):
        sample = samples[number]
        shapes = {name: np.shape(value) for name, value in (sample() if callable(sample) else sample).items()}
        sizes = grid.point(shapes)
        fits = [p for p in points if sizes is not None and all(a <= b for a, b in zip(sizes, p, strict=True))]
        if fits:
            row = taken[fits[0]]
            row[0] += 1
            row[1] += sum(math.prod(shapes[name]) for name in grid.fixed)
            row[2] += sum(math.prod(dims) for dims in grid.shapes(fits[0]).values())
    return {point: Share(count, 1 - own / whole if whole else 0.0) for point, (count, own, whole) in taken.items()}
