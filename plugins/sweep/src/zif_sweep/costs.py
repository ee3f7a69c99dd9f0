"""What a sweep would cost, from cells that were measured: hours of workers, bytes, and what gives way first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from attrs import frozen
from zif import UsageError

from zif_sweep.cells import Cell
from zif_sweep.rows import Row

#: Seconds of one worker for a cell of each stage, where no table says: means over the cells of docs/sweep.md. Nothing
#: was profiled, for want of hardware: it is put at what running takes.
SECONDS: Mapping[str, float] = {
    "plan": 1.2,
    "compile": 44.0,
    "verify": 59.0,
    "run": 20.0,
    "eval": 7.6,
    "profile": 20.0,
}

#: Bytes of a row in the table, of a bundle, and requests that a shared cache gets for a compiled cell.
ROW_BYTES, BUNDLE_BYTES, REQUESTS = 1100.0, 1.7e6, 8.0

#: Tasks and rows that one scheduler and one table took in a second when they were measured (docs/sweep.md).
SCHEDULER_PER_S, TABLE_PER_S = 100.0, 2000.0


class Scale(NamedTuple):
    """How large a sweep is on paper."""

    models: int
    targets: int
    precisions: int


@frozen
class Stage:
    """One stage of the estimate: its cells, seconds a cell, and from how many measured cells that figure is."""

    stage: str
    cells: int
    seconds: float
    measured: int


@frozen
class Limit:
    """Something that gives way: with so many workers (None: at this size whatever the workers), and why."""

    what: str
    workers: int | None
    text: str


@frozen
class Estimate:
    """What a sweep would cost. hours: of one worker, that is of a core or two; wall_hours: with `workers` of them.

    table_bytes: of the JSON lines. store_bytes: of what is compiled. tasks_per_s: what the scheduler would get.
    """

    stages: tuple[Stage, ...]
    cells: int
    hours: float
    workers: int
    wall_hours: float
    table_bytes: float
    store_bytes: float
    tasks_per_s: float
    limits: tuple[Limit, ...]


def scale_of(text: str) -> Scale:
    """From "300x40x4". Raises UsageError."""
    match = re.fullmatch(r"\s*(\d+)\s*[x×]\s*(\d+)\s*[x×]\s*(\d+)\s*", text)
    if match is None:
        raise UsageError(f"--scale {text}: write MODELSxCHIPSxPRECISIONS, such as 300x40x4")
    return Scale(*map(int, match.groups()))


def estimate(
    cells: Sequence[Cell], measured: Iterable[Row] = (), scale: Scale | None = None, workers: int = 1
) -> Estimate:
    """The cost of cells, or of as many as `scale` says in the same stages, by the cells that were measured.

    A model that was measured has its own figure; the others have the mean of their stage.
    """
    rows = [row for row in measured if row.state != "skipped"]
    stages = _scaled(_stages(cells, rows), cells, scale)
    count = sum(stage.cells for stage in stages)
    seconds = sum(stage.cells * stage.seconds for stage in stages)
    compiled = sum(stage.cells for stage in stages if stage.stage == "compile")
    sizes = [row.bytes for row in rows if row.bytes is not None]
    store = compiled * (mean(sizes) if sizes else BUNDLE_BYTES)
    each = seconds / count if count else 0.0
    hours, rate = seconds / 3600, workers / each if each else 0.0
    limits = _limits(each, store, compiled, count)
    return Estimate(stages, count, hours, workers, hours / workers, count * ROW_BYTES, store, rate, limits)


def _stages(cells: Sequence[Cell], rows: Sequence[Row]) -> tuple[Stage, ...]:
    by_stage: dict[str, list[float]] = defaultdict(list)
    by_model: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        by_stage[row.stage].append(row.seconds)
        by_model[row.stage, row.model].append(row.seconds)
    seconds: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        own = by_model.get((cell.stage, cell.subject.name)) or by_stage.get(cell.stage)
        seconds[cell.stage].append(mean(own) if own else SECONDS[cell.stage])
    return tuple(Stage(name, len(s), mean(s), len(by_stage[name])) for name, s in seconds.items())


def _scaled(stages: Sequence[Stage], cells: Sequence[Cell], scale: Scale | None) -> tuple[Stage, ...]:
    """As many cells a stage as there are places on paper, times the share of places that have the stage here."""
    if scale is None:
        return tuple(stages)
    here = len({(cell.subject.name, cell.target, cell.precision) for cell in cells})
    places = scale.models * scale.targets * scale.precisions
    return tuple(
        Stage(stage.stage, round(places * stage.cells / here), stage.seconds, stage.measured) for stage in stages
    )


def _limits(each: float, store: float, compiled: int, count: int) -> tuple[Limit, ...]:
    """What gives way, the first one first."""
    limits = []
    if store > 10 * 2**30:
        text = (
            "what is compiled is more than the 10 GiB that a cache keeps: raise ZIF_CACHE_LIMIT, or use a shared cache"
        )
        limits.append(Limit("the local cache", None, text))
    if count * ROW_BYTES > 256 * 2**20:
        text = "the table is larger than zif reads at once: split the sweep, or raise ZIF_MAX_TEXT"
        limits.append(Limit("the table", None, text))
    if count > 20_000:
        text = "a page of that many cells takes tens of MB: make one for each group of models"
        limits.append(Limit("the page", None, text))
    if each:
        text = f"one Dask scheduler hands out some {SCHEDULER_PER_S:.0f} cells a second"
        limits.append(Limit("the scheduler", int(SCHEDULER_PER_S * each), text))
        text = f"one client writes some {TABLE_PER_S:.0f} rows a second"
        limits.append(Limit("the client's table", int(TABLE_PER_S * each), text))
        if compiled:
            text = f"an object store takes some 3,500 writes a second, and a compiled cell makes {REQUESTS:.0f}"
            limits.append(Limit("the shared cache", int(3500 / REQUESTS * each * count / compiled), text))
    return tuple(sorted(limits, key=lambda limit: -1 if limit.workers is None else limit.workers))
