"""Results and the rounded run's, both held against what is right, summed up over samples without keeping any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from zif.runtime.measures import Tally
from zif.runtime.verification.record import TensorCheck

if TYPE_CHECKING:
    from zif.runtime.measures import Figures


@define
class Beside:
    """Add samples one after the other; `rows` may be asked at any time."""

    _own: dict[str, Tally] = field(factory=dict)
    _least: dict[str, Tally] = field(factory=dict)

    def add(
        self, right: Mapping[str, Any], made: Mapping[str, Any], least: Mapping[str, Any], names: Iterable[str]
    ) -> None:
        """Count one sample: arrays by name, of the judge, of the backend, and of the rounded run. Those that one of
        them lacks, and those that are no arrays, are passed over. Raises ValueError where shapes differ."""
        for name in names:
            if all(hasattr(values.get(name), "dtype") for values in (right, made, least)):
                self._own.setdefault(name, Tally()).add(right[name], made[name])
                self._least.setdefault(name, Tally()).add(right[name], least[name])

    def figures(self) -> dict[str, Figures]:
        """The backend's own figures, by name."""
        return {name: tally.figures() for name, tally in self._own.items()}

    def rows(self) -> list[TensorCheck]:
        """A row for each value that was counted."""
        return [_row(name, tally.figures(), self._least[name].figures()) for name, tally in self._own.items()]


def _row(name: str, own: Figures, least: Figures) -> TensorCheck:
    return TensorCheck(name, own.sqnr_db, least.sqnr_db, own.agreement, least.agreement)
