"""Rows predicted by core itself from a table of coefficients: what a plan would say, also of chips left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import frozen
from zif.planning.costs.coefficients import Table
from zif.records import Target
from zif.targets import target

from benchmarks.fit import few, kin
from benchmarks.fit.data import LATEST, Data, Row
from benchmarks.fit.families import family
from benchmarks.fit.solve import Fit, Floats
from benchmarks.fit.validate import STEPS, chips_of
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
        input_us = data.pixels[row.model] * runtime["input_us_per_million"] * fit.slower["vector"]
        work = fit.launch_us + float(data.counts[row.model] @ fit.us) + input_us
        version = content["toolchains"].get(row.toolchain, {}).get(row.precision, 1.0)
        predicted[index] = work * runtime["factor"] * version + data.edge_us(row)
    return predicted


@frozen
class Chips:
    """float64[rows] microseconds by what is known of a chip, and what a few runs on it give, by how many."""

    by: Mapping[str, Floats]
    graphs_known: Mapping[int, few.After]


def by_chip(rows: Sequence[Row], data: Data, whole: Fit) -> Chips:
    """Each chip predicted by a fit that saw no row of it, as core would do it.

    Either chips.json has its rates (from a single model, WideResNet-50), or it is taken to be as fast as the mean of
    its nearest relatives. A user's runs correct the first; the graphs were seen on other chips then.
    """
    predictions = {"rates from one model": np.zeros(len(rows)), "architecture only": np.zeros(len(rows))}
    after: dict[int, list[few.After]] = {1: [], 3: [], 10: []}
    for seed, chip in enumerate(chips_of(rows)):
        inside = [i for i, row in enumerate(rows) if row.chip == chip]
        content = _without(rows, data, whole, chip, frozenset())
        stand_ins = target(chip), _average(target(chip), content)
        for predicted, stand_in in zip(predictions.values(), stand_ins, strict=True):
            predicted[inside] = by_core([rows[i] for i in inside], data, content, {chip: stand_in})
        others = [row for row in rows if row.chip != chip]
        took = kin.took(others, by_core(others, data, content, {}))
        own = [row for row in (rows[i] for i in inside) if judged(row)]
        told = [few.priced(row, data, content, took.get((row.model, row.precision, row.runtime), 1.0)) for row in own]
        every = range(len(told))
        for count, kept in after.items():
            kept.append(few.judged(told, every, every, kin.covariance(content), count, seed))
    return Chips(predictions, {count: few.joined(kept) for count, kept in after.items()})


def by_chip_and_family(rows: Sequence[Row], data: Data, whole: Fit, folds: int = 6) -> tuple[Floats, few.After]:
    """float64[rows] microseconds: neither the chip nor any family of the row's fold was seen; rates are known.

    Also what three runs of other families' models on the chip give.
    """
    names = sorted({family(row.model) for row in rows})
    predicted, after = np.zeros(len(rows)), []
    for fold in (frozenset(names[start::folds]) for start in range(folds)):
        for seed, chip in enumerate(chips_of(rows)):
            own = [i for i, row in enumerate(rows) if row.chip == chip]
            inside = [i for i in own if family(rows[i].model) in fold]
            content = _without(rows, data, whole, chip, fold)
            predicted[inside] = by_core([rows[i] for i in inside], data, content, {})
            latest = [rows[i] for i in own if judged(rows[i])]
            told = [few.priced(row, data, content) for row in latest]
            asked = [i for i, row in enumerate(latest) if family(row.model) in fold]
            seen = [i for i, row in enumerate(latest) if family(row.model) not in fold]
            after.append(few.judged(told, seen, asked, kin.covariance(content), 3, seed))
    return predicted, few.joined(after)


def judged(row: Row) -> bool:
    """Whether a row counts when a chip is left out: chips.json's rates come from WideResNet-50."""
    return row.model != "wideresnet50" and row.toolchain == LATEST


def _without(rows: Sequence[Row], data: Data, whole: Fit, chip: str, families: frozenset[str]) -> dict[str, Any]:
    """The file of a fit to what is neither of the chip nor of the families; `whole` gives the search a start."""
    seen = [row for row in rows if row.chip != chip and family(row.model) not in families]
    fit = Fit(whole.chips)
    fit.values = whole.values.copy()
    return document(fit.fit(seen, data, STEPS), seen, None, {})


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
