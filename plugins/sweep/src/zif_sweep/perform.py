"""A cell, done: once, and where a process died once more in one of its own."""

from __future__ import annotations

from zif import BackendCrashed

from zif_sweep.attempt import once
from zif_sweep.cells import Cell
from zif_sweep.isolated import alone
from zif_sweep.rows import Row


def perform(cell: Cell) -> Row:
    """The row of a cell; where a backend's process died, after a second try in a process of its own.

    Raises NotWritten when a disk is full: no cell is to blame for it.
    """
    row = once(cell)
    return alone(cell) if row.state == "failed" and _died(row) else row


def _died(row: Row) -> bool:
    """Whether a worker of a backend died: zif moves what it did elsewhere, and where nothing takes it says so."""
    return row.error == BackendCrashed.__name__ or "its worker process died" in row.reason
