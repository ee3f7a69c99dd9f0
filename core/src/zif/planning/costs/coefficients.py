"""What was fitted to measured latencies: microseconds per count, and how much slower or faster a chip is.

Distributions bring it beside their chips (`zif.files.distribution_data`), each a file of the schema zif.costs/1; core
has none.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from zif.errors import UsageError
from zif.files.distribution_data import COSTS, DataFile, Problem, data_files, stamp
from zif.files.documents import read_table
from zif.planning.costs.kinds import FEATURES, OPTIONAL
from zif.records import Rates, Target

Floats = NDArray[np.float64]

SCHEMA = "zif.costs/1"
GROUPS = ("overhead", "matrix", "vector", "special", "memory")
WORDS = ("fp16", "int8", "int16")
#: Of a chip that was not measured only its rate of multiplying is known, by a model that reads many weights: those go
#: with it, the rest of a chip differs by less.
_DAMPING = 0.7


@frozen(eq=False)
class Coefficients:
    """The NPU's costs in one precision on one chip.

    us: float64[len(FEATURES)], microseconds per count. launch_us: starting a segment. slower: than the reference chip,
    by group. note: how a chip that was not measured is come by, in words. error: median relative error on the chip when
    models are left out of the fit; None where too little was measured, or another chip. between: of ten latencies
    eight lie within these multiples of what is predicted for a whole model; corrected: the same after a user's own
    measurements. groups: of each count, then of the launch. table: where these prices stand.
    """

    us: Floats
    launch_us: float
    slower: Mapping[str, float]
    note: str
    error: float | None
    between: tuple[float, float] | None = None
    corrected: tuple[float, float] | None = None
    groups: tuple[str, ...] = ()
    table: Table | None = None


@frozen(eq=False)
class Known:
    """A graph that was measured: its counts, and by precision how many times its prices' sum it took."""

    name: str
    counts: Floats
    took: Mapping[str, float]

    @classmethod
    def of(cls, name: str, row: Mapping[str, Any]) -> Known:
        """From the parsed file. Raises KeyError, TypeError or ValueError."""
        counts = row["counts"]
        took = {word: float(value) for word, value in row["took"].items()}
        if not all(0 < value < math.inf for value in took.values()):
            raise ValueError(f"{name} took no time")
        return cls(name, np.array([float(counts.get(feature, 0.0)) for feature in FEATURES]), took)

    def same(self, counts: Floats) -> bool:
        """Whether a graph counts like this one, to a hundredth."""
        return bool(np.all(np.abs(counts - self.counts) <= 0.01 * np.abs(self.counts) + 1e-4))


def _square(value: Any) -> Floats | None:
    if value is None:
        return None
    values = np.array(value, dtype=np.float64)
    if values.shape != (len(WORDS) * len(GROUPS),) * 2:
        raise ValueError(f"the covariance is {values.shape}")
    return values


@frozen(eq=False)
class Table:
    """A file of costs. us: by precision and count, "launch" among them. scales: by chip, precision and group.

    generations: of each chip that was measured, the figure by which others find their nearest relatives; `generation`
    names the vendor and the figure in a target's `vendor`. intervals: by what is known of a chip ("measured",
    "relative", "corrected") and precision, least and most as multiples of a prediction; empty in files that have none.
    known: graphs that were measured. covariance: float64[words * groups] square, of the logarithms of what is learned
    of a chip beyond its relatives (`WORDS` times `GROUPS`); None in files without it.
    stamp: tells this table from another. Of the counts, a file may leave out those that are `OPTIONAL`.
    """

    us: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, str]
    scales: Mapping[str, Mapping[str, Mapping[str, float]]]
    generation: tuple[str, str]
    generations: Mapping[str, float]
    errors: Mapping[str, Any]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    known: Sequence[Known]
    covariance: Floats | None
    stamp: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Table:
        """From the parsed file. Raises KeyError, TypeError, ValueError or AttributeError where something is missing."""
        chips = document["chips"]
        table = cls(
            us=document["microseconds"],
            groups=document["groups"],
            scales={name: chip["scales"] for name, chip in chips.items()},
            generation=(document["generation"]["vendor"], document["generation"]["figure"]),
            generations={name: float(chip["generation"]) for name, chip in chips.items()},
            errors=document["errors"],
            intervals={
                known: {word: (float(low), float(high)) for word, (low, high) in by_word.items()}
                for known, by_word in document.get("intervals", {}).items()
            },
            known=tuple(Known.of(name, row) for name, row in document.get("known", {}).items()),
            covariance=_square(document.get("covariance")),
            stamp=hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16],
        )
        for name, scales in table.scales.items():
            for precision in scales:
                table._fit([name], precision, "", np.zeros(len(GROUPS)))
        return table

    def graph(self, counts: Floats) -> Known | None:
        """The measured graph that counts the same: float64[len(FEATURES)], summed over units; None without one."""
        return next((graph for graph in self.known if graph.same(counts)), None)

    def knows(self, name: str, precision: str) -> bool:
        """Whether the chip of this name was measured in the precision."""
        return precision in self.scales.get(name, ())

    def at(self, target: Target, precision: str) -> Coefficients | None:
        """For a chip that was measured, or from those that are nearest to it; None without a relative here."""
        rates = target.processors.get("npu")
        names, note = self._nearest(target, precision)
        if not names or rates is None:
            return None
        return self._fit(names, precision, note, _slower(rates, names, precision) if note else np.zeros(len(GROUPS)))

    def _fit(self, names: Sequence[str], precision: str, note: str, slower: Floats) -> Coefficients:
        """The mean of measured chips; slower: float64[groups], the logarithm of what comes on top."""
        log = np.mean([[math.log(self.scales[n][precision][g]) for g in GROUPS] for n in names], axis=0)
        scale = dict(zip(GROUPS, np.exp(log + slower), strict=True))
        us = {count: value * scale[self.groups[count]] for count, value in self.us[precision].items()}
        median = self.errors.get(precision, {}).get(names[0], {}).get("median")
        error = None if note or median is None else float(median)
        known = self.intervals.get("relative" if note else "measured", {}).get(precision)
        return Coefficients(
            us=np.array([us.get(name, 0.0) if name in OPTIONAL else us[name] for name in FEATURES]),
            launch_us=float(us["launch"]),
            slower=scale,
            note=note,
            error=error,
            between=known,
            corrected=self.intervals.get("corrected", {}).get(precision),
            table=self,
            groups=tuple(self.groups.get(name, "overhead") for name in (*FEATURES, "launch")),
        )

    def _nearest(self, target: Target, precision: str) -> tuple[Sequence[str], str]:
        if self.knows(target.name, precision):
            return [target.name], ""
        if self.knows(target.costs_like, precision):
            own = target.is_host and _same_rates(target)
            return [target.costs_like], "" if own else f"as {target.costs_like}, by the ratio of their rates"
        measured = [name for name in self.scales if self.knows(name, precision)]
        vendor, figure = self.generation
        generation = target.vendor.get(vendor, {}).get(figure)
        if not isinstance(generation, int | float) or not measured:
            return [], ""
        apart = {name: abs(self.generations[name] - generation) for name in measured}
        nearest = [name for name in measured if apart[name] == min(apart.values())]
        return nearest, f"as the mean of {', '.join(nearest)}, by the ratio of their rates"


def fitted(target: Target, precision: str) -> Coefficients | None:
    """What the installed files say of a target's NPU: the one that has measured it or its like, else a relative's."""
    every = [table for table in tables() if precision in table.us]
    exact = [
        table for table in every if table.knows(target.name, precision) or table.knows(target.costs_like, precision)
    ]
    fits = (table.at(target, precision) for table in (*exact, *every))
    return next((fit for fit in fits if fit is not None), None)


def corrected(fit: Coefficients, factors: Mapping[str, float]) -> Coefficients:
    """The same prices after a user's own measurements: `factors` by group of counts."""
    by = np.array([factors.get(group, 1.0) for group in fit.groups])
    between = fit.corrected or fit.between
    return attrs.evolve(fit, us=fit.us * by[:-1], launch_us=fit.launch_us * float(by[-1]), between=between)


def tables() -> tuple[Table, ...]:
    """Every readable file of costs that installed distributions bring, by distribution."""
    return _installed()[0]


def problems() -> tuple[Problem, ...]:
    """What is wrong with the files of costs that distributions bring; without one, costs are those of the rates."""
    return _installed()[1]


def _installed() -> tuple[tuple[Table, ...], tuple[Problem, ...]]:
    return _read(tuple((file, stamp(file.path)) for file in data_files(COSTS)))


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[DataFile, int], ...]) -> tuple[tuple[Table, ...], tuple[Problem, ...]]:
    read_tables = [_table(file) for file, _ in files]
    tables = tuple(table for table in read_tables if isinstance(table, Table))
    return tables, tuple(table for table in read_tables if isinstance(table, Problem))


def _table(file: DataFile) -> Table | Problem:
    if file.problem:
        return Problem(file.distribution, file.problem)
    try:
        document = read_table(file.path, UsageError)
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema is {document['schema']!r}, this version of zif reads {SCHEMA!r}")
        return Table.of(document)
    except UsageError as error:
        return Problem(file.distribution, str(error))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return Problem(file.distribution, f"{file.path} holds no costs: {type(error).__name__}: {error}.")


def _rates(name: str) -> Rates | None:
    """The rates of a chip that was measured; None where no installed distribution describes it."""
    from zif.targets import target

    try:
        return target(name).processors.get("npu")
    except UsageError:
        return None


def _same_rates(target: Target) -> bool:
    return target.processors.get("npu") == _rates(target.costs_like)


def _slower(rates: Rates, names: Sequence[str], precision: str) -> Floats:
    """float64[groups]: logarithm of how much slower these rates are than those of the named chips, in the mean."""
    others = [measured_rates for name in names if (measured_rates := _rates(name)) is not None]
    macs = [math.log(o.macs_per_s[precision]) for o in others if precision in o.macs_per_s]
    compute = sum(macs) / len(macs) - math.log(_rate(rates, precision)) if macs else 0.0
    return np.array([compute if group in ("matrix", "memory") else _DAMPING * compute for group in GROUPS])


def _rate(rates: Rates, precision: str) -> float:
    return rates.macs_per_s.get(precision) or max(rates.macs_per_s.values())
