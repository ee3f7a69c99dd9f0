"""Sweeps: models × targets × precisions through the stages of zif, as one table that goes on where it was left.

Each name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif_sweep.costs import Estimate, estimate
    from zif_sweep.described import Described
    from zif_sweep.difference import Change, changes
    from zif_sweep.html import sweep_html
    from zif_sweep.resolved import Sweep
    from zif_sweep.rows import Row
    from zif_sweep.run import Outcome, sweep
    from zif_sweep.table import read_rows

_WHERE = {
    "Change": "difference",
    "changes": "difference",
    "Described": "described",
    "Estimate": "costs",
    "estimate": "costs",
    "sweep_html": "html",
    "Row": "rows",
    "Outcome": "run",
    "sweep": "run",
    "Sweep": "settled",
    "read_rows": "table",
}
__all__ = [
    "Change",
    "Described",
    "Estimate",
    "Outcome",
    "Row",
    "Sweep",
    "changes",
    "estimate",
    "read_rows",
    "sweep",
    "sweep_html",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'zif_sweep' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zif_sweep.{_WHERE[name]}"), name)
