"""A cell in a process of its own, for one that has killed a process: what it does there happens to nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import attrs
from zif import NotWritten
from zif.plugin import json_text, parse_json, parse_record, private_folder, read_text, write_whole

from zif_sweep.attempt import again, once, row_of
from zif_sweep.cells import Cell
from zif_sweep.rows import Row

#: How the process says that a disk is full, which is no result of the cell's.
_NO_ROOM = 75


def alone(cell: Cell) -> Row:
    """The row of a cell that was tried in a process of its own; where that died, it failed. Raises NotWritten."""
    begun = perf_counter()
    with private_folder() as folder:
        order, answer = Path(folder, "cell.json"), Path(folder, "row.json")
        write_whole(order, json_text(attrs.asdict(cell), default=str))
        command = [sys.executable, *(["-S"] * sys.flags.no_site), "-m", "zif_sweep.isolated", str(order), str(answer)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment
        )
        if done.returncode == _NO_ROOM:
            raise NotWritten(done.stderr.strip().splitlines()[-1])
        if answer.exists():
            return again(read_row(answer))
    words = done.stderr.strip().splitlines()
    last = f"; its last line: {words[-1]}" if words else ""
    reason = f"its process ended by {_ended(done.returncode)}, also by itself{last}"
    return again(row_of(cell, perf_counter() - begun, state="failed", reason=reason, error="BackendCrashed"))


def read_row(path: Path) -> Row:
    """A row that was written as JSON."""
    return parse_record(Row, parse_json(read_text(path), str(path)), str(path))


def _ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _main(order: str, answer: str) -> int:
    data: dict[str, Any] = parse_json(read_text(order), order)
    cell = parse_record(Cell, data, order)
    try:
        row = once(cell)
    except NotWritten as error:
        print(error, file=sys.stderr)
        return _NO_ROOM
    write_whole(Path(answer), json_text(row.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
