"""Goals for latency and memory: which policy keeps to them, and how a plan stands to each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from zif.errors import Unsupported
from zif.files.wording import size
from zif.planning.constraints import EVERYONE
from zif.planning.plan import Plan
from zif.records import Verdict

if TYPE_CHECKING:
    from zif.planning.constraints import Constraints
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
        aimed = evolve(planner, request=evolve(planner.request, policy=policy))
        plan = aimed.plan()
        missed = [check for check in plan.checks if not check.met]
        if not missed:
            return aimed
        latency = plan.predicted.latency_us if wishes.goal else 0.0
        tried.append(((sum(check.hard for check in missed), len(missed), latency), aimed))
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
        if limit is not None and total > limit and name in planner.participants.by_name:
            here = [planner.model.unit(unit.name) for unit in plan.units if unit.backend == name]
            heavy = max(here, key=lambda unit: unit.weight_bytes).id
            unit = heavy if held.weights_bytes > held.activations_bytes else held.peak_unit
            return name, unit, f"with it the plan would hold {size(total)} there; the limit is {size(limit)}"
    return None


def _without(planner: Planner, name: str, unit: str, reason: str) -> Planner:
    """The planner with one unit refused by one backend for its memory."""
    changed = planner.participants.by_name[name].after("limits", {unit: Verdict(False, code="memory", reason=reason)})
    return evolve(
        planner, participants=evolve(planner.participants, by_name={**planner.participants.by_name, name: changed})
    )
