"""What rules of advice look at: a model and where its units run, with what each is predicted to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import frozen

from zif.files.wording import duration

if TYPE_CHECKING:
    from zif.model import Model, Unit
    from zif.planning.plan import Predicted, Segment, Transfer
    from zif.planning.pricing import Prices
    from zif.records import Capabilities, Target


@frozen(eq=False, slots=False)
class Scene:
    """A plan while it is made. labels: of each unit, the position of its backend in `names`; segment: its segment."""

    model: Model
    target: Target
    names: Sequence[str]
    capabilities: Mapping[str, Capabilities]
    modes: Mapping[str, str]
    prices: Prices
    labels: Sequence[int]
    segment: Sequence[int]
    segments: Sequence[Segment]
    transfers: Sequence[Transfer]
    predicted: Predicted

    def us(self, row: int) -> float:
        """What a unit is predicted to take where it runs, in microseconds."""
        return float(self.prices.us[row, self.labels[row]])

    def backend(self, row: int) -> str:
        """The backend that a unit runs on."""
        return self.names[self.labels[row]]

    def of_all(self, us: float) -> str:
        """A time beside that of the whole plan: "12 µs of 122 µs"."""
        return f"{duration(us)} of {duration(self.predicted.latency_us)}"

    def only_reader(self, row: int) -> int | None:
        """The one unit that reads what this one makes; None where there are several, or the model gives it."""
        (name, *more) = self.model.units[row].outputs
        readers = self.model.consumers.get(name, ())
        return readers[0] if not more and len(readers) == 1 and name not in self._output_names else None

    @cached_property
    def _output_names(self) -> frozenset[str]:
        return frozenset(value.name for value in self.model.outputs)

    def such_as(self, rows: Sequence[int]) -> str:
        """The first of some units by name, as in "such as conv1"."""
        return f"such as {self.model.units[rows[0]].id}"

    def units(self, rows: Sequence[int]) -> tuple[str, ...]:
        """The names of units."""
        return tuple(self.model.units[row].id for row in rows)

    def unit(self, row: int) -> Unit:
        """A unit of the model."""
        return self.model.units[row]
