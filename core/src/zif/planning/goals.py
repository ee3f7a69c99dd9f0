"""Latency goals: which policy meets one, and how a plan stands to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from zif.figures import duration
from zif.planning.plan import Check

if TYPE_CHECKING:
    from zif.constraints import Constraints
    from zif.planning.planner import Planner

#: Policies from each one on towards the fastest.
_FASTER = {
    "memory": ("memory", "balanced", "performance"),
    "power": ("power", "balanced", "performance"),
    "balanced": ("balanced", "performance"),
    "performance": ("performance",),
}


def settled(planner: Planner, wishes: Constraints) -> Planner:
    """The planner under the first policy, from the one asked for towards the fastest, that meets the latency goal.

    Where none does, under the fastest of them. Without a goal the planner as it is. Raises Unsupported.
    """
    goal = wishes.goal
    if goal is None:
        return planner
    tried = []
    for policy in _FASTER[planner.request.policy]:
        one = evolve(planner, request=evolve(planner.request, policy=policy))
        latency = one.latency_us(one.place())
        if latency <= goal:
            return one
        tried.append((latency, one))
    return min(tried, key=lambda pair: pair[0])[1]


def checks(planner: Planner, latency_us: float) -> tuple[Check, ...]:
    """How a plan of this latency stands to the goals that were set."""
    asked, wanted = planner.request.constraints, planner.request
    left = f", under policy {wanted.policy} instead of {asked['policy']}" if _changed(planner) else ""
    found = []
    for name, hard in (("latency_goal", False), ("max_latency", True)):
        goal = asked.get(f"{name}_us")
        if goal is not None:
            met = latency_us <= goal
            much = "" if met else f", {duration(latency_us - goal)} too long"
            words = f"{name.replace('_', ' ')} {duration(goal)} {'met' if met else 'missed'}"
            text = f"{words}: {duration(latency_us)} predicted{much}{left}"
            found.append(Check(name, goal, latency_us, met, hard, text))
    return tuple(found)


def _changed(planner: Planner) -> bool:
    asked: str = planner.request.constraints.get("policy", planner.request.policy)
    return asked != planner.request.policy
