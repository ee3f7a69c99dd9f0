"""How a plan stands to the goals that were set for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.files.wording import duration, size
from zif.planning.constraints import EVERYONE
from zif.planning.plan import Check

if TYPE_CHECKING:
    from zif.planning.plan import Request
    from zif.planning.records import Memory, Predicted


def checks(wanted: Request, predicted: Predicted) -> tuple[Check, ...]:
    """How a plan stands to the goals that were set."""
    left = f", under policy {wanted.policy} instead of {wanted.constraints['policy']}" if _changed(wanted) else ""
    results = (*_latencies(wanted.constraints, predicted.latency_us), *_memories(wanted.constraints, predicted.memory))
    return tuple(evolve(check, text=f"{check.text}{left}") for check in results)


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


def _changed(wanted: Request) -> bool:
    asked: str = wanted.constraints.get("policy", wanted.policy)
    return asked != wanted.policy
