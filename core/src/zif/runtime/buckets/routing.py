"""Which bucket a run goes to: the smallest that its inputs fit into and may be padded for, else the real shape."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen

from zif.errors import InvalidInput
from zif.runtime.buckets.checking import Finding, Findings
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.masking import guarding
from zif.runtime.buckets.padding import cut, filled

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.runtime.session import Session, Timing

#: So many shapes are remembered with where they go.
REMEMBERED = 4096


@frozen(eq=False)
class Bucket:
    """One bucket of a session: its sizes, what was found of padding, and the session of its own plan."""

    label: str
    point: Point
    shapes: Mapping[str, tuple[int, ...]]
    finding: Finding
    session: Session

    @property
    def plan(self) -> Plan:
        """What runs where in this bucket."""
        return self.session.plan


@frozen(eq=False)
class Way:
    """Where inputs of some shapes go: a bucket, or None for the real shape; cuts: the outputs' valid shapes; guards:
    what tells the bucket's graph where the inputs end."""

    bucket: Bucket | None
    exact: bool
    cuts: Mapping[str, tuple[int, ...]]
    guards: Mapping[str, Any] = field(factory=dict)


class Router:
    """An executable that hands each run to a bucket's session. Fed by a session that admitted the inputs."""

    def __init__(self, grid: Grid, findings: Findings, buckets: Sequence[Bucket], rest: Session | None) -> None:
        """buckets: in the order of the grid's points, the one with the fewest elements first."""
        self.grid, self.findings, self.buckets, self.rest = grid, findings, tuple(buckets), rest
        self._ways: dict[tuple[Any, ...], Way] = {}
        self._local = threading.local()
        self.unfitting: Callable[[str], None] | None = None  # hears of the first run at its real shape

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs for these inputs, cut to what is valid. Raises what sessions raise; InvalidInput if none fits."""
        way = self.way(inputs)
        trace = getattr(self._local, "trace", None)
        if way.bucket is None:
            assert self.rest is not None  # `way` saw to it
            self._say(inputs)
            return self.rest.run(inputs, trace=trace)
        bucket = way.bucket
        if way.exact:
            return bucket.session.run({**inputs, **way.guards}, trace=trace)
        padding, shapes = bucket.finding.padding, bucket.shapes
        ready = {n: filled(value, shapes[n], padding) if n in shapes else value for n, value in inputs.items()}
        made = bucket.session.run({**ready, **way.guards}, trace=trace)
        return {name: cut(value, way.cuts[name]) if name in way.cuts else value for name, value in made.items()}

    def _say(self, inputs: Mapping[str, Any]) -> None:
        told, self.unfitting = self.unfitting, None
        if told is not None:
            told(_shapes_told({name: np.shape(inputs[name]) for name in self.grid.fixed if name in inputs}))

    def way(self, inputs: Mapping[str, Any]) -> Way:
        """Where a run on these inputs goes. Raises InvalidInput where no bucket fits and there is nothing else."""
        shapes = {name: np.shape(inputs[name]) for name in self.grid.fixed if name in inputs}
        key = tuple(shapes.items())
        way = self._ways.get(key)
        if way is None:
            way = self._way_to(shapes)
            if len(self._ways) < REMEMBERED:
                self._ways[key] = way
        return way

    @contextmanager
    def traced(self, trace: list[Timing]) -> Iterator[None]:
        """Within it, runs of this thread tell their segments' times."""
        self._local.trace = trace
        try:
            yield
        finally:
            self._local.trace = None

    def close(self) -> None:
        """Close every session."""
        for bucket in self.buckets:
            bucket.session.close()
        if self.rest is not None:
            self.rest.close()

    def _way_to(self, shapes: Mapping[str, tuple[int, ...]]) -> Way:
        point = self.grid.point(shapes)
        for bucket in self.buckets if point is not None else ():
            if bucket.point == point:
                return Way(bucket, True, {}, guarding(bucket.finding.guards, bucket.point))
        for bucket in self.buckets if point is not None else ():
            if point is not None and self._takes(bucket, point):
                cuts = {extent.name: extent.of(point) for extent in self.findings.extents}
                return Way(bucket, False, cuts, guarding(bucket.finding.guards, point))
        if self.rest is None:
            built = "; ".join(bucket.label for bucket in self.buckets)
            raise InvalidInput(
                f"no bucket takes {_shapes_told(shapes)}: built are {built}, and nothing runs at the real shape"
            )
        return Way(None, True, {})

    @staticmethod
    def _takes(bucket: Bucket, point: Point) -> bool:
        least = bucket.finding.least or point
        fits = all(low <= size <= most for low, size, most in zip(least, point, bucket.point, strict=True))
        return bool(bucket.finding.padding) and fits


def _shapes_told(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
