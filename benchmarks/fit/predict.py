"""Rows predicted by core itself from a table of coefficients: what a plan would say, also of chips left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from zif.planning.costs.coefficients import Table
from zif.records import Target
from zif.targets import target

from benchmarks.fit.data import Data, Row
from benchmarks.fit.solve import Fit, Floats
from benchmarks.fit.validate import chips_of
from benchmarks.fit.write import document


def by_core(rows: Sequence[Row], data: Data, content: Mapping[str, Any], chips: Mapping[str, Target]) -> Floats:
    """float64[rows] microseconds from the content of a costs.json; `chips` stands in for the known targets."""
    table, runtimes = Table.of(content), content["runtimes"]
    predicted = np.zeros(len(rows))
    for index, row in enumerate(rows):
        fit = table.at(chips.get(row.chip) or target(row.chip), row.precision)
        if fit is None:
            raise SystemExit(f"{row.chip} has no NPU rates: it cannot be predicted")
        runtime = runtimes[row.runtime][row.precision]
        given = data.pixels[row.model] * runtime["input_us_per_million"] * fit.slower["vector"]
        work = fit.launch_us + float(data.counts[row.model] @ fit.us) + given
        predicted[index] = work * runtime["factor"] + data.edge_us(row)
    return predicted


def by_chip(rows: Sequence[Row], data: Data, whole: Fit) -> dict[str, Floats]:
    """float64[rows] by what is known of a chip: each predicted by a fit that saw no row of it, as core would do it.

    Either chips.json has its rates (from a single model, WideResNet-50), or it is taken to be as fast as the mean of
    its nearest relatives.
    """
    found = {"rates from one model": np.zeros(len(rows)), "architecture only": np.zeros(len(rows))}
    for chip in chips_of(rows):
        inside = [i for i, row in enumerate(rows) if row.chip == chip]
        seen = [row for row in rows if row.chip != chip]
        content = document(Fit(tuple(c for c in whole.chips if c != chip)).fit(seen, data), seen, None, {})
        stand_ins = target(chip), _average(target(chip), content)
        for predicted, stand_in in zip(found.values(), stand_ins, strict=True):
            predicted[inside] = by_core([rows[i] for i in inside], data, content, {chip: stand_in})
    return found


def _average(chip: Target, content: Mapping[str, Any]) -> Target:
    """The chip with the mean rates of its nearest relatives: nothing is known of it but its architecture."""
    table = Table.of(content)
    vendor, figure = table.generation
    apart = {name: abs(known - chip.vendor[vendor][figure]) for name, known in table.generations.items()}
    nearest = [target(name).processors["npu"] for name in apart if apart[name] == min(apart.values())]
    words = set.intersection(*(set(rates.macs_per_s) for rates in nearest)) | set(nearest[0].macs_per_s)
    macs = {
        word: float(np.exp(np.mean([np.log(r.macs_per_s[word]) for r in nearest if word in r.macs_per_s])))
        for word in words
    }
    memory = float(np.exp(np.mean([np.log(rates.bytes_per_s) for rates in nearest])))
    rates = attrs.evolve(nearest[0], macs_per_s=macs, bytes_per_s=memory)
    return attrs.evolve(chip, processors={**chip.processors, "npu": rates})
