"""The result of a comparison, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from zif.runtime.measures import Figures

SCHEMA = "zif.compare/1"


@frozen
class Compared:
    """One tensor of A beside the same of B.

    `op_type` and `node` are what computes it in A, both "" for an input. `source_sqnr_db` is the lowest ratio among the
    observed tensors that it is computed from, infinite where these are exact; `drop_db` how far it lies below, where
    what is better than 40 dB counts as 40. `harmless`: far off, and nothing comes of it, as with a mask whose -3e38
    ends at -50: what the Softmax behind it gives is right.
    """

    name: str
    op_type: str
    node: str
    figures: Figures
    source_sqnr_db: float = math.inf
    drop_db: float | None = None
    harmless: bool = False

    def to_json(self) -> dict[str, Any]:
        """Flat, with `exact` saying what JSON cannot: that the ratio is infinite."""
        figures = attrs.asdict(self.figures)
        rest = {"op_type": self.op_type, "node": self.node}
        ends = {"source_sqnr_db": self.source_sqnr_db, "drop_db": self.drop_db, "harmless": self.harmless}
        return {"name": self.name, **rest, **figures, "exact": self.figures.sqnr_db == math.inf, **ends}


@frozen
class Ran:
    """What one side was: its label, its target, the backends that took part, and those of them that are emulators."""

    label: str
    target: str
    backends: tuple[str, ...]
    emulated: tuple[str, ...]
    segments: int


@frozen
class Comparison:
    """Two things on the same inputs.

    `outputs` in A's order, `tensors` (observed in both, A's inputs included) in A's topological order. `start` names
    the first tensor that is markedly worse than what it is computed from, "" when there is none. `only_a` and `only_b`
    are inner tensors that the other side has not: fused, renamed, or added. `unobserved` says why a tensor of both
    could not be read. `observer_db`: per side, how far reading inner tensors moved its own outputs (infinite: not at
    all); None where no tensor was read.
    """

    a: Ran
    b: Ran
    samples: int
    outputs: tuple[Compared, ...]
    tensors: tuple[Compared, ...]
    start: str
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    unobserved: Mapping[str, str]
    observer_db: tuple[float | None, float | None]
    notes: tuple[str, ...]

    @property
    def sqnr_db(self) -> float:
        """The lowest ratio among the float outputs; infinite when all are equal or there is none."""
        return min((o.figures.sqnr_db for o in self.outputs if o.figures.sqnr_db is not None), default=math.inf)

    def worst(self, count: int) -> tuple[Compared, ...]:
        """The inner tensors with the lowest ratios, the worst first, without those that are harmless."""
        known = [tensor for tensor in self.tensors if tensor.figures.sqnr_db is not None and not tensor.harmless]
        return tuple(sorted(known, key=lambda compared: compared.figures.sqnr_db or 0.0)[:count])

    def below(self, least_db: float) -> tuple[Compared, ...]:
        """The outputs that miss the ratio, or that have values which are finite on one side only: these come last."""
        odd = tuple(output for output in self.outputs if output.figures.not_finite)
        rest = (output for output in self.outputs if output not in odd and output.figures.sqnr_db is not None)
        return (*(compared for compared in rest if (compared.figures.sqnr_db or 0.0) < least_db), *odd)

    def tensor(self, name: str) -> Compared:
        """The tensor or output of this name. Raises KeyError."""
        for compared in (*self.tensors, *self.outputs):
            if compared.name == name:
                return compared
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """The document `zif.compare/1`; ratios that are infinite are for its writer to turn into null."""
        return {
            "schema": SCHEMA,
            "a": attrs.asdict(self.a),
            "b": attrs.asdict(self.b),
            "samples": self.samples,
            "sqnr_db": self.sqnr_db,
            "outputs": [output.to_json() for output in self.outputs],
            "tensors": [tensor.to_json() for tensor in self.tensors],
            "start": self.start,
            "matched": len(self.tensors),
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "unobserved": dict(self.unobserved),
            "observer_db": list(self.observer_db),
            "notes": list(self.notes),
        }
