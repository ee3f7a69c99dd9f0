"""Watts that somebody measured, by chip, processor and performance mode: a CSV file in the place of estimates."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import attrs
from attrs import frozen

from zif.errors import UsageError
from zif.files.text import read_text
from zif.files.wording import did_you_mean
from zif.records import Processor, Target, Watts
from zif.targets.names import find, key

COLUMNS = ("target", "processor", "mode", "watts", "low", "high", "source")
_NEEDED = ("target", "processor", "watts")
_PROCESSORS: tuple[str, ...] = get_args(Processor)
#: More than a rack of accelerators: a figure in milliwatts, or of another column.
_MOST = 1e5


@frozen
class Row:
    """One measurement: `target` as the file spells it, and where the row stands."""

    target: str
    processor: str
    mode: str
    drawn: Watts
    where: str


def read_watts(path: Path) -> tuple[Row, ...]:
    """The rows of a CSV file with the columns `COLUMNS`; mode, low, high and source may be left out, or empty.

    Raises UsageError with the file, the line and what belongs there.
    """
    lines = read_text(path, UsageError).splitlines()
    table = csv.reader(lines)
    try:
        head = [name.strip().lower() for name in next(table, [])]
        _head(path, head)
        rows = [_row(path, table.line_num, head, cells) for cells in table if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise UsageError(f"{path}: line {table.line_num}: {error}.") from error
    if not rows:
        raise UsageError(f"{path} holds no measurement: it needs rows of {', '.join(COLUMNS)}.")
    seen: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        before = seen.setdefault((key(row.target), row.processor, row.mode), row)
        if before is not row:
            raise UsageError(f"{row.where}: the same chip, processor and mode stand in {before.where}, too.")
    return tuple(rows)


def _head(path: Path, head: Sequence[str]) -> None:
    unknown = next((name for name in head if name not in COLUMNS), None)
    if unknown is not None:
        raise UsageError(f"{path}: unknown column {unknown!r}; known are {', '.join(COLUMNS)}.")
    missing = [name for name in _NEEDED if name not in head]
    if missing or len(set(head)) < len(head):
        raise UsageError(f"{path}: the first line names the columns, each once, {', '.join(_NEEDED)} among them.")


def _row(path: Path, line: int, head: Sequence[str], cells: Sequence[str]) -> Row:
    where = f"{path}: line {line}"
    if len(cells) > len(head):
        raise UsageError(f"{where} has {len(cells)} cells under {len(head)} columns.")
    row = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(head, cells, strict=False)}
    if not row["target"] or row["processor"] not in _PROCESSORS:
        raise UsageError(f"{where}: a row needs a target, and a processor of {', '.join(_PROCESSORS)}.")
    watts = _number(where, "watts", row["watts"])
    low = _number(where, "low", row["low"]) if row["low"] else watts
    high = _number(where, "high", row["high"]) if row["high"] else watts
    if not low <= watts <= high:
        raise UsageError(f"{where}: watts {watts:g} must lie between low {low:g} and high {high:g}.")
    source = row["source"] or f"measured, {path.name} line {line}"
    return Row(row["target"], row["processor"], row["mode"], Watts(watts, low, high, source, True), where)


def _number(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _MOST:
        raise UsageError(f"{where}: {name} must be watts from 0 up, such as 2.4, not {text!r}.")
    return value


def applied(rows: Iterable[Row], spelled: Mapping[str, Target], chips: dict[str, Target]) -> None:
    """Put the rows into the chips that they are of. Raises UsageError for a chip or processor that is not known."""
    for row in rows:
        if key(row.target) == "host":
            continue
        target = find(row.target, spelled)
        if target is None:
            hint = did_you_mean(key(row.target), spelled, 3, lambda name: spelled[name].name)
            raise UsageError(f"{row.where}: no chip is called {row.target!r}.{hint} `zif targets` lists them.")
        chips[target.name] = with_row(chips[target.name], row)


def with_row(chip: Target, row: Row) -> Target:
    """The chip with one measurement. Raises UsageError where it has no such processor."""
    rates: Any = chip.processors.get(row.processor)
    if rates is None:
        known = ", ".join(chip.processors)
        raise UsageError(f"{row.where}: {chip.name} has no {row.processor}; its processors are {known}.")
    measured = {**rates.measured_watts, row.mode: row.drawn}
    return attrs.evolve(
        chip, processors={**chip.processors, row.processor: attrs.evolve(rates, measured_watts=measured)}
    )
