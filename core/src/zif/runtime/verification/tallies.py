"""Results and the rounded run's, both held against what is right, summed up over samples without keeping any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from zif.model.encodings.operators import MOVES
from zif.runtime.measures import Tally
from zif.runtime.verification.record import TensorCheck

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.measures import Figures


#: The largest number that fp16 has.
LARGEST = 65504.0


@define
class Beside:
    """Add samples one after the other; `rows` may be asked at any time.

    gates: values that lie between 0 and 1 each by itself (see `gates`). Of them what they lack to 1 counts, too: a
    detector that sees nothing gives 0.0004 everywhere, and 0.0002 is no other answer.
    saturating: values that only the model's own operators read. Of them the largest number of fp16 stands for infinity:
    a mask that was -inf hides as much with -65504.
    """

    gates: frozenset[str] = frozenset()
    saturating: frozenset[str] = frozenset()
    _plain: dict[str, Tally] = field(factory=dict)
    _own: dict[str, Tally] = field(factory=dict)
    _least: dict[str, Tally] = field(factory=dict)

    def add(
        self, right: Mapping[str, Any], made: Mapping[str, Any], least: Mapping[str, Any], names: Iterable[str]
    ) -> None:
        """Count one sample: arrays by name, of the judge, of the backend, and of the rounded run. Those that one of
        them lacks, and those that are no arrays, are passed over. Raises ValueError where shapes differ."""
        for name in names:
            if all(hasattr(values.get(name), "dtype") for values in (right, made, least)):
                good, own, rounded = (self._read(name, values[name]) for values in (right, made, least))
                own = self._infinite(name, good, own)
                self._own.setdefault(name, Tally()).add(good, own)
                self._least.setdefault(name, Tally()).add(good, rounded)
                if name in self.gates:
                    self._plain.setdefault(name, Tally()).add(right[name], made[name])

    def figures(self) -> dict[str, Figures]:
        """The backend's own figures, by name."""
        return {name: tally.figures() for name, tally in (self._own | self._plain).items()}

    def _infinite(self, name: str, good: Any, array: Any) -> Any:
        """The array with the judge's infinities where it has the largest number of fp16, or a larger one, for them."""
        if name not in self.saturating or not np.isinf(good).any():
            return array
        kept = np.isinf(good) & (np.sign(array) == np.sign(good)) & (np.abs(array) >= LARGEST)
        return np.where(kept, good, array)

    def _read(self, name: str, array: Any) -> Any:
        return array if name not in self.gates else np.stack([array, 1 - array])

    def rows(self) -> list[TensorCheck]:
        """A row for each value that was counted."""
        return [_row(name, tally.figures(), self._least[name].figures()) for name, tally in self._own.items()]


def gates(model: Model) -> frozenset[str]:
    """The values that a Sigmoid makes, also when they were moved since."""
    names: set[str] = set()
    for node in model.proto.graph.node:
        moved = node.op_type in MOVES and node.input and node.input[0] in names
        if not node.domain and (node.op_type in ("Sigmoid", "HardSigmoid") or moved):
            names.update(node.output)
    return frozenset(names)


def _row(name: str, own: Figures, least: Figures) -> TensorCheck:
    return TensorCheck(name, own.sqnr_db, least.sqnr_db, own.agreement, least.agreement)
