"""The judge at work on buckets: a model with open dimensions, run at any size, and samples of every size for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from zif.errors import ZifError
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.masking.rewrite import masked
from zif.runtime.buckets.masking.spans import Spans, spans
from zif.runtime.buckets.padding import first
from zif.runtime.verification.floor import floor
from zif.runtime.verification.judge import Judge
from zif.runtime.verification.samples import index_bound, made_samples

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.buckets.masking import Guard
    from zif.runtime.session import Session

_COARSE = ("int4", "int8", "int16", "bf16", "fp16")

#: How many real inputs are tried in a bucket; each costs three runs of the judge.
REAL = 3


@define(eq=False)
class Trial:
    """A model and its grid on the judge. Keeps sessions open: `close` it. Raises ZifError where nothing can judge.

    growing: as `spans` of the model and grid, for who has them already.
    """

    model: Model
    grid: Grid
    samples: Sequence[Any] | None = None
    judge: Judge = field(factory=Judge.installed)
    growing: Callable[[], Spans] | None = None
    _sessions: dict[str, Session] = field(factory=dict, init=False)
    _made: dict[Point, Mapping[str, Any]] = field(factory=dict, init=False)
    _real: list[tuple[Point, Any]] | None = field(default=None, init=False)
    _spans: Spans | None = field(default=None, init=False)

    @property
    def precision(self) -> str:
        """The coarsest that the model itself is in."""
        kinds = {unit.precision for unit in self.model.units}
        return next((kind for kind in _COARSE if kind in kinds), "fp32")

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is right for inputs of any size."""
        return self._session("", self.model).run(values)

    def least(self, values: Mapping[str, Any], right: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the model's own precision must cost at least; `right` is what `run` gave."""
        kind = self.precision
        return right if kind == "fp32" else self._session(kind, floor(self.model, kind)).run(values)

    def _session(self, key: str, model: Model) -> Session:
        if key not in self._sessions:
            self._sessions[key] = self.judge.session(model)
        return self._sessions[key]

    def masked(self, point: Point, padding: str) -> tuple[Model, tuple[Guard, ...]]:
        """The model of a bucket with masks, and the inputs that it has more; none where masks do not help it."""
        return masked(self.model.load(self.model, self.grid.shapes(point)), self.spans, padding == "zero")

    @property
    def spans(self) -> Spans:
        """How the model's values grow with its inputs; none where that cannot be inferred."""
        if self._spans is None:
            try:
                self._spans = self.growing() if self.growing else spans(self.model, self.grid)
            except ZifError:
                self._spans = {}
        return self._spans

    def made(self, point: Point) -> Mapping[str, Any]:
        """Values for inputs of these sizes: the first part of what is made for the largest bucket.

        Integers that index no table are one: as masks and lengths, that is what the valid part has.
        """
        most = tuple(max(axis.sizes) for axis in self.grid.axes)
        if most not in self._made:
            whole = self.model.load(self.model, self.grid.shapes(most))
            sample = made_samples(whole)[0]
            self._made[most] = {name: _ones(whole, name, value) for name, value in sample.items()}
        return first(self._made[most], self.grid.shapes(point))

    def tried(self, point: Point, below: Point) -> list[tuple[Point, Mapping[str, Any]]]:
        """Inputs that a bucket pads, each with its sizes: real ones, where there are such, and made ones of the least
        size that comes here, of one in between and of one less than the bucket's, and then of as many in a row as the
        model's strides have phases: where a window begins depends on that.

        Floats come around zero, all above and all below it: whether a maximum sees the zeros depends on that.
        """
        real = [(sizes, sample) for sizes, sample in self._samples() if _in(sizes, point, below)]
        picked = [real[place] for place in sorted({0, len(real) // 2, len(real) - 1})[:REAL]] if real else []
        ends = (tuple(size + 1 for size in below), tuple((a + b) // 2 for a, b in zip(below, point, strict=True)))
        near = tuple(size - 1 for size in point)
        sizes = [tuple(max(1, min(a, b)) for a, b in zip(spot, point, strict=True)) for spot in (*ends, near)]
        fresh = [spot for spot in dict.fromkeys(sizes) if spot != point]
        made = [(point, sample) for point in fresh for sample in _signs(self.made(point))]
        made += [(spot, self.made(spot)) for spot in self._phases(point) if spot not in fresh]
        return [(at, sample() if callable(sample) else sample) for at, sample in picked] + made

    def _phases(self, point: Point) -> list[Point]:
        """Sizes in a row below the bucket's, along each axis, over its widest stride."""
        widest = [1] * len(point)
        for axes in self.spans.values():
            for rule in axes.values():
                if rule is not None:
                    widest[rule.axis] = max(widest[rule.axis], rule.divide)
        rows = [
            tuple(size - less if place == axis else size for place, size in enumerate(point))
            for axis, stride in enumerate(widest)
            for less in range(1, stride + 1)
            if point[axis] > less
        ]
        return list(dict.fromkeys(rows))

    def _samples(self) -> list[tuple[Point, Any]]:
        if self._real is None:
            self._real = []
            for number in range(len(self.samples or ())):
                source = (self.samples or ())[number]
                sample = source() if callable(source) else source
                point = self.grid.point({name: np.shape(value) for name, value in sample.items()})
                if point is not None:
                    self._real.append((point, source if callable(source) else sample))
        return sorted(self._real, key=lambda row: row[0])

    def close(self) -> None:
        """Close what the judge holds. May be called twice."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()


def _in(sizes: Point, point: Point, below: Point) -> bool:
    """Whether inputs of these sizes are padded in this bucket and in no smaller one."""
    fits = all(size <= most for size, most in zip(sizes, point, strict=True))
    return fits and sizes != point and any(size > less for size, less in zip(sizes, below, strict=True))


def _ones(model: Model, name: str, value: Any) -> Any:
    whole = value.dtype.kind in "iu" and value.dtype.itemsize > 1
    return np.ones_like(value) if value.dtype.kind == "b" or (whole and not index_bound(model, name)) else value


def _signs(sample: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sample, and where it has floats, once more with all of them above zero and with all of them below."""
    floats = {name: value for name, value in sample.items() if value.dtype.kind == "f"}
    if not floats:
        return [sample]
    above = {name: (abs(value) + 0.5).astype(value.dtype) for name, value in floats.items()}
    return [sample, {**sample, **above}, {**sample, **{name: -value for name, value in above.items()}}]
