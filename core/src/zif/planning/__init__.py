"""Who runs what, at what cost, and why: from a model and the backends' answers to a plan, which is data.

What may come in: whatever is decided before anything is compiled. Doing it is `zif.runtime`'s,
showing it `zif.report`'s.
"""

from __future__ import annotations

from zif.planning.changes.difference import PlanDiff, diff
from zif.planning.plan import Counterfactual, Memory, Plan, Segment, UnitPlan, UnitVerdict

__all__ = ["Counterfactual", "Memory", "Plan", "PlanDiff", "Segment", "UnitPlan", "UnitVerdict", "diff"]
