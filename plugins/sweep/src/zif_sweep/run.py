"""Doing a sweep: what is there is not done again, what is done is kept at once, and an interrupted sweep goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from attrs import frozen
from zif import UsageError
from zif.plugin import read_text, write_whole

from zif_sweep.cells import Cell
from zif_sweep.described import Described
from zif_sweep.resolved import Sweep
from zif_sweep.rows import Row
from zif_sweep.table import Journal

if TYPE_CHECKING:
    from zif.plugin import Progress


@frozen
class Outcome:
    """The rows of a sweep's cells, in their order. done: how many were done now; seconds: what that took."""

    output: Path
    rows: tuple[Row, ...]
    done: int
    seconds: float

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows of the cells that failed."""
        return tuple(row for row in self.rows if row.state == "failed")


def sweep(
    described: Described | Sweep,
    *,
    jobs: int = 1,
    cluster: str = "",
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Do every cell that is not in the table yet. Raises ZifError subclasses; what was done until then is kept.

    jobs: workers on this machine; 1 is this process. cluster: the address of a Dask scheduler. retry_failed: do those
    anew that failed.
    """
    settled = described if isinstance(described, Sweep) else Sweep.of(described)
    if settled.output.suffix == ".parquet":
        from zif_sweep.parquet import check_installed

        check_installed()
    begun = perf_counter()
    with _alone_with(settled.output):
        journal = Journal(settled.output)
        missing = [cell for cell in settled.cells if not _is_done(journal.rows.get(cell.place), cell, retry_failed)]
        try:
            for number, row in enumerate(_done(settled, missing, jobs, cluster, progress), 1):
                journal.add(row)
                if progress:
                    progress(f"{row.model} on {row.target} in {row.precision}: {number} of {len(missing)}")
        finally:
            journal.close()
        if missing:
            journal.finish()
    rows = tuple(journal.rows[cell.place] for cell in settled.cells)
    return Outcome(settled.output, rows, len(missing), perf_counter() - begun)


def _is_done(row: Row | None, cell: Cell, retry_failed: bool) -> bool:
    return row is not None and row.key == cell.key and not (retry_failed and row.state == "failed")


def _done(sweep: Sweep, cells: Sequence[Cell], jobs: int, cluster: str, progress: Progress | None) -> Iterator[Row]:
    if cells and (cluster or jobs > 1):
        from zif_sweep.cluster import done_on

        yield from done_on(cells, sweep.machine, jobs, cluster)
    else:
        yield from _one_by_one(cells, sweep.output, progress)


def _one_by_one(cells: Sequence[Cell], output: Path, progress: Progress | None) -> Iterator[Row]:
    """In this process. A cell that ended the process before is tried in one of its own: its key was written down."""
    from zif_sweep.isolated import alone
    from zif_sweep.perform import perform

    mark = output.with_name(f".{output.name}.begun")
    deadly = read_text(mark).strip() if mark.exists() else ""
    try:
        for number, cell in enumerate(cells, 1):
            if progress:
                progress(f"{cell.named}: {number} of {len(cells)}")
            mark.parent.mkdir(parents=True, exist_ok=True)
            write_whole(mark, cell.key)
            yield alone(cell) if cell.key == deadly else perform(cell)
    except BaseException:
        mark.unlink(missing_ok=True)  # ended in order: no cell is to blame
        raise
    mark.unlink(missing_ok=True)


@contextmanager
def _alone_with(output: Path) -> Iterator[None]:
    """One sweep at a time on a table. Raises UsageError while there is another."""
    import filelock

    output.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(output.with_name(f".{output.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise UsageError(f"another sweep is writing {output}: wait for it, or name another --output") from None
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}. Name another --output") from error
    try:
        yield
    finally:
        lock.release(force=True)
        output.with_name(f".{output.name}.lock").unlink(missing_ok=True)
