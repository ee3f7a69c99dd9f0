"""The fit: positive coefficients per count and precision, times a scale per chip, by penalised least log error.

Everything is a logarithm, so nothing can become negative and every error counts as a ratio. The logarithm of a
coefficient is its prior, plus a deviation shared by all precisions, plus one of its own; that of a chip's scale is the
sum of the chip's speed and its deviations by precision, by group of counts, and by both. All deviations are drawn to
zero, the finer the harder, so that what the data does not say stays with what is known of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import define, field
from numpy.typing import NDArray
from scipy.optimize import minimize
from zif.planning.costs.kinds import FEATURES

from benchmarks.fit.data import LATEST, PRECISIONS, RUNTIMES, Data, Row
from benchmarks.fit.prior import GROUPS, PRIORS

Floats = NDArray[np.float64]
COUNTS = ("launch", *FEATURES)
WORDS = tuple(PRECISIONS.values())
TOOLCHAINS = (LATEST, "2.45", "2.42", "2.41", "2.37")  # the first is what others compare to
_GROUP = np.array([GROUPS.index(PRIORS[name].group) for name in COUNTS])
_PRIOR = np.log([PRIORS[name].us for name in COUNTS])
_IN_GROUP = (_GROUP[:, None] == np.arange(len(GROUPS))).astype(np.float64)
_SPREAD = np.array([PRIORS[name].spread for name in COUNTS])
_NOISE = 0.1  # of a measurement, as a logarithm
_ROBUST = 0.15  # errors beyond this count in proportion, not squared
_FULL = 10.0  # rows of one model and precision beyond this many share their weight
_INPUT_US = np.array([[1e-3, 1e-3, 1e-3], [1000, 50, 1000], [1000, 50, 1000]])  # per million input elements


@define
class Table:
    """Rows as arrays."""

    counts: Floats
    pixels: Floats
    edge: Floats
    log_us: Floats
    weight: Floats
    precision: NDArray[np.intp]
    chip: NDArray[np.intp]
    runtime: NDArray[np.intp]
    toolchain: NDArray[np.intp]
    at_chip: Floats  # float64[chips * precisions, rows], one where a row belongs
    at_runtime: Floats  # float64[runtimes * precisions, rows]
    at_toolchain: Floats  # float64[toolchains * precisions, rows]

    @classmethod
    def of(cls, rows: Sequence[Row], data: Data, chips: Sequence[str]) -> Table:
        same = Counter((row.model, row.precision) for row in rows)
        precision = np.array([WORDS.index(row.precision) for row in rows])
        chip = np.array([chips.index(row.chip) for row in rows])
        runtime = np.array([RUNTIMES.index(row.runtime) for row in rows])
        toolchain = np.array([TOOLCHAINS.index(row.toolchain) for row in rows])
        return cls(
            np.array([np.concatenate(([1.0], data.counts[row.model])) for row in rows]),
            np.array([data.pixels[row.model] for row in rows]),
            np.array([data.edge_us(row) for row in rows]),
            np.log([row.us for row in rows]),
            np.array([min(1.0, _FULL / same[row.model, row.precision]) * _trust(row) for row in rows]),
            precision,
            chip,
            runtime,
            toolchain,
            _members(chip * len(WORDS) + precision, len(chips) * len(WORDS)),
            _members(runtime * len(WORDS) + precision, len(RUNTIMES) * len(WORDS)),
            _members(toolchain * len(WORDS) + precision, len(TOOLCHAINS) * len(WORDS)),
        )


def _trust(row: Row) -> float:
    """The weight of a row on a noisy kit beside one on another."""
    return 1 / (1 + (row.noise / _NOISE) ** 2)


def _members(index: NDArray[np.intp], size: int) -> Floats:
    return (np.arange(size)[:, None] == index).astype(np.float64)


@define
class Fit:
    """Deviations from the prior; all zero is the prior itself."""

    chips: tuple[str, ...]
    values: Floats = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.values = np.zeros(sum(int(np.prod(shape)) for shape, _ in self._layout().values()))

    def _layout(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        f, p, d, g, r = len(COUNTS), len(WORDS), len(self.chips), len(GROUPS), len(RUNTIMES)
        fixed = np.where(np.arange(r)[:, None] == 0, 1e-3, np.ones((r, p)))  # ONNX Runtime is what others compare to
        return {
            "count": ((f,), _SPREAD),
            "count_precision": ((f, p), np.repeat(0.6 * _SPREAD[:, None], p, axis=1)),
            "chip": ((d,), 1.0),
            "chip_precision": ((d, p), 0.3),
            "chip_group": ((d, g), 0.35),
            "chip_precision_group": ((d, p, g), 0.35),
            "runtime": ((r, p), 0.1 * fixed),
            "toolchain": ((len(TOOLCHAINS), p), 0.1 * np.where(np.arange(len(TOOLCHAINS)) == 0, 1e-3, 1.0)[:, None]),
            "input": ((r, p), 0.7),
        }

    def _blocks(self, values: Floats) -> dict[str, Floats]:
        blocks, start = {}, 0
        for name, (shape, _) in self._layout().items():
            size = int(np.prod(shape))
            blocks[name] = values[start : start + size].reshape(shape)
            start += size
        return blocks

    def coefficients(self) -> Floats:
        """float64[counts, precisions] in microseconds, for a chip of scale one."""
        blocks = self._blocks(self.values)
        return np.exp(_PRIOR + blocks["count"][:, None] + blocks["count_precision"])

    def scales(self) -> Floats:
        """float64[chips, precisions, groups]."""
        return np.exp(self._log_scales(self._blocks(self.values)))

    def runtimes(self) -> tuple[Floats, Floats]:
        """(factor, microseconds per million input elements), each float64[runtimes, precisions]."""
        blocks = self._blocks(self.values)
        return np.exp(blocks["runtime"]), _INPUT_US * np.exp(blocks["input"])

    def toolchains(self) -> Floats:
        """float64[toolchains, precisions]: how many times as long a model takes as with the latest."""
        return np.exp(self._blocks(self.values)["toolchain"])

    @staticmethod
    def _log_scales(blocks: dict[str, Floats]) -> Floats:
        speed = blocks["chip"][:, None, None] + blocks["chip_precision"][:, :, None]
        return speed + blocks["chip_group"][:, None, :] + blocks["chip_precision_group"]

    def _forward(self, blocks: dict[str, Floats], t: Table) -> tuple[Floats, Floats, Floats]:
        """(log microseconds, share of each count in them, share of the input's conversion)."""
        scale = self._log_scales(blocks)[t.chip, t.precision]
        log_c = (_PRIOR + blocks["count"][:, None] + blocks["count_precision"]).T[t.precision] + scale[:, _GROUP]
        terms = t.counts * np.exp(log_c)
        at = t.runtime, t.precision
        input_us = t.pixels * _INPUT_US[at] * np.exp(blocks["input"][at] + scale[:, GROUPS.index("vector")])
        engine = np.exp(blocks["runtime"][at] + blocks["toolchain"][t.toolchain, t.precision])
        total = (terms.sum(axis=1) + input_us) * engine
        whole = total + t.edge
        ratio = engine / whole
        return np.log(whole), terms * ratio[:, None], input_us * ratio

    def _loss(self, values: Floats, t: Table, spread: Floats) -> tuple[float, Floats]:
        blocks = self._blocks(values)
        log_us, share, input_share = self._forward(blocks, t)
        bend = np.sqrt(1 + ((log_us - t.log_us) / _ROBUST) ** 2)
        loss = float((t.weight * (bend - 1)).sum()) * (_ROBUST / _NOISE) ** 2
        slope = t.weight * (log_us - t.log_us) / bend / _NOISE**2
        gradient = self._gradient(t, slope[:, None] * share, slope * input_share)
        flat = np.concatenate([gradient[name].ravel() for name in blocks])
        return loss + 0.5 * float(((values / spread) ** 2).sum()), flat + values / spread**2

    def _gradient(self, t: Table, terms: Floats, values: Floats) -> dict[str, Floats]:
        d, p, g, r = len(self.chips), len(WORDS), len(GROUPS), len(RUNTIMES)
        by_group = terms @ _IN_GROUP
        by_group[:, GROUPS.index("vector")] += values
        fine = (t.at_chip @ by_group).reshape(d, p, g)
        by_precision = np.stack([terms[t.precision == k].sum(axis=0) for k in range(p)], axis=1)
        return {
            "count": by_precision.sum(axis=1),
            "count_precision": by_precision,
            "chip": fine.sum(axis=(1, 2)),
            "chip_precision": fine.sum(axis=2),
            "chip_group": fine.sum(axis=1),
            "chip_precision_group": fine,
            "runtime": (t.at_runtime @ by_group.sum(axis=1)).reshape(r, p),
            "toolchain": (t.at_toolchain @ by_group.sum(axis=1)).reshape(-1, p),
            "input": (t.at_runtime @ values).reshape(r, p),
        }

    def fit(self, rows: Sequence[Row], data: Data, steps: int = 300) -> Fit:
        """Move the deviations to where they explain the rows best; returns itself."""
        table = Table.of(rows, data, self.chips)
        spread = np.concatenate([np.broadcast_to(s, shape).ravel() for shape, s in self._layout().values()])
        result = minimize(
            self._loss,
            self.values,
            (table, spread),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": steps, "maxcor": 30},
        )
        self.values = result.x
        return self

    def predict(self, rows: Sequence[Row], data: Data) -> Floats:
        """float64[rows] microseconds."""
        return np.exp(self._forward(self._blocks(self.values), Table.of(rows, data, self.chips))[0])
