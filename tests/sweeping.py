"""Reading what a sweep wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fakes import Site


def table(path: Path) -> list[dict[str, Any]]:
    """The rows of a table of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def remake(site: Site, source: str) -> None:
    """The backend `good` with other code."""
    (site.folder / "fake_good.py").write_text(f"{source}\n")


def settled(path: Path) -> list[dict[str, Any]]:
    """The rows without what differs from run to run, in the order of their places."""
    from zif_sweep.rows import VOLATILE

    rows = [{name: value for name, value in row.items() if name not in VOLATILE} for row in table(path)]
    return sorted(rows, key=lambda row: (row["model"], row["target"], row["precision"], row["stage"]))
