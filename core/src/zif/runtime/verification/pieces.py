"""Pieces of a segment compiled by themselves on its backend, to find out which of its units make it wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from attrs import define, evolve

from zif.backends.blame import let_go
from zif.backends.registry import owner
from zif.errors import ZifError
from zif.runtime.verification.culprit import Culprit, culprits

if TYPE_CHECKING:
    from zif.runtime.build import Builder
    from zif.runtime.verification.bench import Bench, Values
    from zif.runtime.verification.record import SegmentCheck, TensorCheck


def leaving_units(builder: Builder, bench: Bench, check: SegmentCheck) -> list[Culprit]:
    """The smallest sets of units that make a segment wrong, by compiling pieces of it. Raises ZifError subclasses."""
    bench.told(f"looking for what is wrong in segment {check.segment} on {check.backend}")
    model = builder.planner.model
    names = [name for unit in check.units for name in (*model.unit(unit).inputs, *model.unit(unit).outputs)]
    return culprits(check.units, Trial(builder, bench, check, bench.values(names)))


@define
class Trial:
    """Whether some units of a segment are wrong by themselves; asked twice, answered once."""

    builder: Builder
    bench: Bench
    check: SegmentCheck
    values: Values
    _known: Mapping[tuple[str, ...], tuple[bool, TensorCheck | None]] = {}

    def __call__(self, units: Sequence[str]) -> tuple[bool, TensorCheck | None]:
        key = tuple(units)
        if key not in self._known:
            self._known = {**self._known, key: self._tried(key)}
        return self._known[key]

    def _tried(self, units: tuple[str, ...]) -> tuple[bool, TensorCheck | None]:
        try:
            with ExitStack() as stack:
                executable = self.builder.loaded(self.check.backend, units)
                stack.callback(let_go, executable, owner(self.check.backend))
                piece = self.bench.piece(self.check.backend, units, executable)
                rows = tuple(self.bench.compare(piece, self.values))
        except ZifError:  # what does not build by itself proves nothing
            return False, None
        tried = evolve(self.check, units=units, precision=piece.precision, tensors=rows)
        return not tried.believed, tried.worst
