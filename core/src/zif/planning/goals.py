"""Goals for latency and memory: which policy keeps to them, and how a plan stands to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.constraints import EVERYONE
from zif.figures import duration, size
from zif.planning.plan import Check

if TYPE_CHECKING:
    from zif.constraints import Constraints
    from zif.planning.parts import Memory, Predicted
    from zif.planning.planner import Planner

#: Policies from each one on towards the fastest.
_FASTER = {
    "memory": ("memory", "balanced", "performance"),
    "power": ("power", "balanced", "performance"),
    "balanced": ("balanced", "performance"),
    "performance": ("performance",),
}


def settled(planner: Planner, wishes: Constraints) -> Planner:
    """The planner under the first policy that keeps to every goal: the one asked for, faster ones, the smallest.

    Where none does, under the one that misses fewest, hard ones first. Without goals the planner as it is. Raises
    Unsupported.
    """
    if not (wishes.goal or wishes.memory_limit):
        return planner
    tried = []
    for policy in dict.fromkeys((*_FASTER[planner.request.policy], *(["memory"] if wishes.memory_limit else []))):
        one = evolve(planner, request=evolve(planner.request, policy=policy))
        plan = one.plan()
        missed = [check for check in plan.checks if not check.met]
        if not missed:
            return one
        latency = plan.predicted.latency_us if wishes.goal else 0.0
        tried.append(((sum(check.hard for check in missed), len(missed), latency), one))
    return min(tried, key=lambda pair: pair[0])[1]


def checks(planner: Planner, predicted: Predicted) -> tuple[Check, ...]:
    """How a plan stands to the goals that were set."""
    wanted = planner.request
    left = f", under policy {wanted.policy} instead of {wanted.constraints['policy']}" if _changed(planner) else ""
    found = (*_latencies(wanted.constraints, predicted.latency_us), *_memories(wanted.constraints, predicted.memory))
    return tuple(evolve(one, text=f"{one.text}{left}") for one in found)


def _latencies(asked: Mapping[str, Any], latency_us: float) -> Iterator[Check]:
    for name, hard in (("latency_goal", False), ("max_latency", True)):
        goal = asked.get(f"{name}_us")
        if goal is not None:
            met = latency_us <= goal
            much = "" if met else f", {duration(latency_us - goal)} too long"
            words = f"{name.replace('_', ' ')} {duration(goal)} {'met' if met else 'missed'}"
            yield Check(name, goal, latency_us, met, hard, f"{words}: {duration(latency_us)} predicted{much}")


def _memories(asked: Mapping[str, Any], memory: Mapping[str, Memory]) -> Iterator[Check]:
    """What each backend holds, and the host, against the limit for it. What one unit needs is a verdict already."""
    limits = asked.get("memory_limit", {})
    for name, held in memory.items():
        limit = limits.get(name, limits.get(EVERYONE))
        if limit is not None:
            total = held.weights_bytes + held.activations_bytes
            parts = f"{size(held.weights_bytes)} of weights, {size(held.activations_bytes)} of activations"
            words = f"memory limit {size(limit)} of {name} {'met' if total <= limit else 'missed'}"
            yield Check(
                "memory_limit", limit, total, total <= limit, True, f"{words}: {size(total)} predicted ({parts})"
            )


def _changed(planner: Planner) -> bool:
    asked: str = planner.request.constraints.get("policy", planner.request.policy)
    return asked != planner.request.policy
