"""One attempt at a cell, as a row: whatever zif raises is its result; a full disk is none, and goes to the caller."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import evolve
from zif import NotWritten, ZifError

from zif_sweep.cells import Cell
from zif_sweep.prepared import is_full, not_written
from zif_sweep.rows import Row

if TYPE_CHECKING:
    from zif_sweep.stages import Fields


def once(cell: Cell) -> Row:
    """The row of one attempt in this process. Raises NotWritten."""
    begun = perf_counter()
    try:
        fields = _done(cell)
    except Exception as error:
        if is_full(error):
            raise _full(error) from error
        fields = {"state": "failed", "reason": _told(error), "error": type(error).__name__}
    return row_of(cell, perf_counter() - begun, **{"state": "ok", **fields})


def row_of(cell: Cell, seconds: float, **fields: Any) -> Row:
    """A row with what every row says of its cell."""
    subject = cell.subject
    digest = subject.digest.get(cell.precision, subject.digest.get("", ""))
    return Row(
        cell.key,
        *(subject.name, digest, cell.target, cell.precision, cell.stage),
        seconds=round(seconds, 3),
        worker=f"{platform.node()}:{os.getpid()}",
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        **fields,
    )


def again(row: Row) -> Row:
    """The row of a second attempt."""
    return evolve(row, attempts=2)


def _done(cell: Cell) -> Fields:
    from zif_sweep.stages import done

    return done(cell)


def _told(error: Exception) -> str:
    """One sentence, as the command line would say it."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, ZifError) else f"a bug of zif or of a plugin: {type(error).__name__}: {text}"


def _full(error: BaseException) -> ZifError:
    if isinstance(error, NotWritten):
        return error
    assert isinstance(error, OSError)
    return not_written(str(error.filename or "a file of this cell"), error)
