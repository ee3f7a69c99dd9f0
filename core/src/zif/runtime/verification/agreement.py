"""Outputs that are there already held against the judge's, on the same inputs: nearly free beside an emulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.runtime.measures import Figures, Tally
from zif.runtime.verification.judge import Judge

if TYPE_CHECKING:
    from zif.model import Model


@frozen
class Agreement:
    """How far outputs are from those of a judge, by name; `judge` names who computed these."""

    judge: tuple[str, ...]
    outputs: Mapping[str, Figures]

    @property
    def worst(self) -> tuple[str, Figures] | None:
        """The output that is furthest off: the least SQNR in dB, else the least share of equal elements."""
        floats = [(name, one) for name, one in self.outputs.items() if one.sqnr_db is not None]
        if floats:
            return min(floats, key=lambda row: row[1].sqnr_db or 0.0)
        return min(self.outputs.items(), key=lambda row: row[1].agreement or 0.0, default=None)


def agreement(model: Model, runs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Agreement:
    """The outputs of some runs, each with its inputs, beside the judge's. Raises ZifError where nothing can judge."""
    judge = Judge.installed()
    tallies: dict[str, Tally] = {}
    with judge.session(model) as session:
        for inputs, outputs in runs:
            right = session.run(inputs)
            for name in right:
                if hasattr(right[name], "dtype") and hasattr(outputs.get(name), "dtype"):
                    tallies.setdefault(name, Tally()).add(right[name], outputs[name])
    return Agreement(tuple(judge.options), {name: tally.figures() for name, tally in tallies.items()})
