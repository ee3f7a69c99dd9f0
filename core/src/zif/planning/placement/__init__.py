"""Placement: which backend runs each unit, so that units, transfers and launches cost the least together.

Pure arrays in, pure arrays out; nothing here knows of ONNX. `Problem` describes, `solve` places, `evaluate` prices,
`segments` groups into steps that can be scheduled, `greedy` and `single` are the baselines, `alternatives` says what
moving one unit would change.
"""

from __future__ import annotations

from zif.planning.placement.baselines import fastest_first, greedy, single
from zif.planning.placement.graph import PlacementError
from zif.planning.placement.grouping import segments
from zif.planning.placement.objective import Cost, Transfers, evaluate, transfers
from zif.planning.placement.problem import Problem
from zif.planning.placement.single_moves import Alternatives, alternatives, explain_alternatives
from zif.planning.placement.solver import Solution, solve

__all__ = [
    "Alternatives",
    "Cost",
    "PlacementError",
    "Problem",
    "Solution",
    "Transfers",
    "alternatives",
    "evaluate",
    "explain_alternatives",
    "fastest_first",
    "greedy",
    "segments",
    "single",
    "solve",
    "transfers",
]
