"""Goals for latency and memory: which policy keeps to them, and how a plan stands to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.constraints import EVERYONE
from zif.errors import Unsupported
from zif.figures import duration, size
from zif.planning.plan import Check, Plan
from zif.records import Verdict

if TYPE_CHECKING:
    from zif.constraints import Constraints
    from zif.planning.parts import Memory, Predicted
    from zif.planning.planner import Planner

#: How many units are kept off a backend, one after the other, for a memory limit.
ROUNDS = 24

#: Policies from each one on towards the fastest.
_FASTER = {
    "memory": ("memory", "balanced", "performance"),
    "power": ("power", "balanced", "performance"),
    "balanced": ("balanced", "performance"),
    "performance": ("performance",),
}


def settled(planner: Planner, wishes: Constraints) -> Planner:
    """The planner under the first policy that keeps to every goal: the one asked for, faster ones, the smallest.

    Where none does, the one that misses fewest, hard ones first, relieved of what is too much for a memory limit.
    Without goals the planner as it is. Raises Unsupported.
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
    best = min(tried, key=lambda pair: pair[0])[1]
    return (wishes.memory_limit and _relieved(best, wishes)) or best


def _relieved(planner: Planner, wishes: Constraints) -> Planner | None:
    """Unit after unit kept off the backend that holds too much, until the plan keeps to every goal; None if never.

    The unit goes that has the most weights there, or the one during which the most activations are alive.
    """
    for _ in range(ROUNDS):
        try:
            plan = planner.plan()
        except Unsupported:
            return None
        if all(check.met for check in plan.checks):
            return planner
        over = _over(planner, plan, wishes)
        if over is None:
            return None
        planner = _without(planner, *over)
    return None


def _over(planner: Planner, plan: Plan, wishes: Constraints) -> tuple[str, str, str] | None:
    """A backend that holds too much, the unit that should go, and why; None where no unit would help."""
    for name, held in plan.predicted.memory.items():
        limit = wishes.memory_limit.get(name, wishes.memory_limit.get(EVERYONE))
        total = held.weights_bytes + held.activations_bytes
        if limit is not None and total > limit and name in planner.field.players:
            here = [planner.model.unit(unit.name) for unit in plan.units if unit.backend == name]
            heavy = max(here, key=lambda unit: unit.weight_bytes).id
            unit = heavy if held.weights_bytes > held.activations_bytes else held.peak_unit
            return name, unit, f"with it the plan would hold {size(total)} there; the limit is {size(limit)}"
    return None


def _without(planner: Planner, name: str, unit: str, reason: str) -> Planner:
    """The planner with one unit refused by one backend for its memory."""
    player = planner.field.players[name]
    verdicts = {**player.capabilities.verdicts, unit: Verdict(False, code="memory", reason=reason)}
    changed = evolve(player, capabilities=evolve(player.capabilities, verdicts=verdicts))
    return evolve(planner, field=evolve(planner.field, players={**planner.field.players, name: changed}))


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
    for name in dict.fromkeys((*memory, *(name for name in limits if name != EVERYONE))):
        limit, held = limits.get(name, limits.get(EVERYONE)), memory.get(name)
        if limit is not None:
            weights, alive = (held.weights_bytes, held.activations_bytes) if held else (0, 0)
            met = weights + alive <= limit
            words = f"memory limit {size(limit)} of {name} {'met' if met else 'missed'}"
            text = (
                f"{words}: {size(weights + alive)} predicted ({size(weights)} of weights, {size(alive)} of activations)"
            )
            yield Check("memory_limit", limit, weights + alive, met, True, text)


def _changed(planner: Planner) -> bool:
    asked: str = planner.request.constraints.get("policy", planner.request.policy)
    return asked != planner.request.policy
