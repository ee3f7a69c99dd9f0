"""Where the two ran, for readers who named a target and no backend: a plan may well leave its accelerator idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.planning import Plan


def idle(plan: Plan, label: str) -> str:
    """What the plan for a chip left to its CPU although an accelerator takes it; "" for nothing.

    Small models, and float ones, are often cheaper there; the accelerator's arithmetic is then not measured.
    """
    kinds = {one.name: one.processor for one in plan.candidates if one.takes_part}
    if plan.target == "host" or {kinds.get(name) for name in plan.backends} != {"cpu"}:
        return ""
    takes = {
        name: sum(unit.verdicts[name].supported is True for unit in plan.units if name in unit.verdicts)
        for name in kinds
        if kinds[name] != "cpu"
    }
    best = max(takes, key=lambda name: takes[name], default="")
    if not best or not takes[best]:
        return ""
    return (
        f"{label}: the plan puts all {len(plan.units)} units on the CPU ({' + '.join(plan.backends)}), where they are "
        f"cheapest, so no arithmetic of {best} was measured, which takes {takes[best]} of them: "
        f"@{plan.target},{best} compares it"
    )
