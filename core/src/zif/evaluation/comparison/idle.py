"""Where the two ran, for readers who named a target and no backend: a plan may well leave its accelerator idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.planning import Plan


def idle_accelerator(plan: Plan) -> tuple[str, tuple[str, ...]]:
    """The accelerator that takes most of a plan that has its CPU do everything, and the units that it takes.

    "" and none where an accelerator is at work, and where none takes anything.
    """
    kinds = {candidate.name: candidate.processor for candidate in plan.candidates if candidate.takes_part}
    if {kinds.get(name) for name in plan.backends} != {"cpu"}:
        return "", ()
    takes = {
        name: tuple(unit.name for unit in plan.units if name in unit.verdicts and unit.verdicts[name].supported)
        for name in kinds
        if kinds[name] != "cpu"
    }
    best = max(takes, key=lambda name: len(takes[name]), default="")
    return (best, takes[best]) if best and takes[best] else ("", ())


def idle(plan: Plan, label: str) -> str:
    """What the plan for a chip left to its CPU although an accelerator takes it; "" for nothing.

    Small models, and float ones, are often cheaper there; the accelerator's arithmetic is then not measured.
    """
    best, units = ("", ()) if plan.target == "host" else idle_accelerator(plan)
    if not best:
        return ""
    return (
        f"{label}: the plan puts all {len(plan.units)} units on the CPU ({' + '.join(plan.backends)}), where they are "
        f"cheapest, so no arithmetic of {best} was measured, which takes {len(units)} of them: "
        f"@{plan.target},{best} compares it"
    )
