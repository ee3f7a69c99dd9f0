"""A sweep as one HTML file: a matrix of models × chips, offline; a click on a cell shows its plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from zif.plugin import terminal

from zif_sweep.rows import Row
from zif_sweep.words import PRECISIONS, STAGES

if TYPE_CHECKING:
    import jinja2

#: Of a cell's stages, each figure is of the last that has it.
_FIGURES = ("latency_us", "energy_uj", "coverage", "accuracy", "sqnr_db", "measured_us", "seen_us", "bytes")
_TELL = ("units", "segments", "transfer_bytes")


def sweep_html(rows: Sequence[Row], title: str, old: Iterable[Row] | None = None) -> str:
    """The page of a table; with `old`, of two side by side. No network, no other file."""
    targets = list(dict.fromkeys(row.target for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    told = {row.precision for row in rows}
    data: dict[str, Any] = {
        "models": models,
        "targets": targets,
        "precisions": [word for word in PRECISIONS if word in told],
        "cells": _cells(rows, models, targets),
        "old": None if old is None else _cells(old, models, targets),
    }
    counts = {state: sum(row.state == state for row in rows) for state in ("ok", "failed", "skipped")}
    return _environment().get_template("sweep.html.j2").render(title=title, data=terminal.plain(data), counts=counts)


def _cells(rows: Iterable[Row], models: Sequence[str], targets: Sequence[str]) -> dict[str, Any]:
    """What the page knows of each model on each target in each precision, by "model|target|precision" as numbers."""
    places = {name: number for number, name in enumerate(models)}
    chips = {name: number for number, name in enumerate(targets)}
    cells: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: STAGES.index(row.stage) if row.stage in STAGES else len(STAGES)):
        if row.model in places and row.target in chips:
            cell = cells.setdefault(f"{places[row.model]}|{chips[row.target]}|{row.precision}", {"stages": []})
            _join(cell, row)
    return cells


def _join(cell: dict[str, Any], row: Row) -> None:
    cell["stages"].append({"stage": row.stage, "state": row.state, "reason": row.reason, "seconds": row.seconds})
    values = {name: getattr(row, name) for name in (*_FIGURES, *_TELL, "made", "word")}
    cell |= {name: value for name, value in values.items() if value not in (None, "")}
    if row.parts:
        cell["parts"] = [[p.backend, p.label, p.units, p.latency_us, p.operators] for p in row.parts]
        cell["refusals"] = [[r.backend, r.code, r.reason, r.units] for r in row.refusals]
    if row.state == "failed":
        cell["failed"] = f"{row.stage}: {row.reason}"


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    loader = jinja2.PackageLoader("zif_sweep", "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
