"""Who runs what, at what cost, and why: from a model and the backends' answers to a plan, which is data.

What may come in: whatever is decided before anything is compiled. Doing it is `zif.runtime`'s,
showing it `zif.report`'s.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zif.planning.plan import Counterfactual, Memory, Plan, Segment, UnitPlan, UnitVerdict

if TYPE_CHECKING:
    from zif.planning.changes.difference import PlanDiff, diff

__all__ = ["Counterfactual", "Memory", "Plan", "PlanDiff", "Segment", "UnitPlan", "UnitVerdict", "diff"]
_LATER = frozenset({"PlanDiff", "diff"})


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'zif.planning' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module("zif.planning.changes.difference"), name)
    return value
