"""A session under the load of a scenario, made by MLPerf's own load generator, and what came of it."""

from __future__ import annotations

from zif.evaluation.scenarios.load import generator, under_load
from zif.evaluation.scenarios.result import SCENARIOS, Load, Outcome

__all__ = ["SCENARIOS", "Load", "Outcome", "generator", "under_load"]
