"""From a model and the backends' answers to a plan: candidates, costs, placement, reasons, and the plan as data."""

from __future__ import annotations

from zif.planning.difference import PlanDiff, diff
from zif.planning.plan import Counterfactual, Memory, Plan, Segment, UnitPlan, UnitVerdict

__all__ = ["Counterfactual", "Memory", "Plan", "PlanDiff", "Segment", "UnitPlan", "UnitVerdict", "diff"]
