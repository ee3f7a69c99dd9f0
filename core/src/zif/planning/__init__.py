"""Who runs what, at what cost, and why: from a model and the backends' answers to a plan, which is data.

What may come in: whatever is decided before anything is compiled. Doing it is `zif.runtime`'s,
showing it `zif.report`'s.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif.planning.changes.difference import PlanDiff, diff
    from zif.planning.plan import Counterfactual, Memory, Plan, UnitPlan, UnitVerdict
    from zif.planning.segment import Segment

__all__ = ["Counterfactual", "Memory", "Plan", "PlanDiff", "Segment", "UnitPlan", "UnitVerdict", "diff"]
_HOMES = {"PlanDiff": "zif.planning.changes.difference", "diff": "zif.planning.changes.difference"}
_HOMES |= {"Segment": "zif.planning.segment"}


def __getattr__(name: str) -> Any:
    """Imported when it is first used: a session that is there at once has segments, and no plan yet."""
    if name not in __all__:
        raise AttributeError(f"module 'zif.planning' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_HOMES.get(name, "zif.planning.plan")), name)
    return value
