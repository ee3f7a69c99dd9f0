"""Why a unit runs elsewhere in a newer plan: the first difference between the two that explains it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from zif.files.wording import duration

if TYPE_CHECKING:
    from zif.planning.plan import Plan, UnitPlan, UnitVerdict


@frozen
class _Case:
    """One unit in two plans."""

    old: Plan
    new: Plan
    before: UnitPlan
    after: UnitPlan


#: A cost that changes by no more than this share explains nothing.
SAME = 0.01


def why_moved(old: Plan, new: Plan, before: UnitPlan, after: UnitPlan) -> tuple[str, str]:
    """The cause ("request", "backend", "verdict", "cost" or "neighbours") and a sentence with the figures."""
    case = _Case(old, new, before, after)
    for causes in (_pins, _wishes, _taking_part, _verdicts, _costs):
        for cause in causes(case):
            return cause
    return "neighbours", "its own verdicts and costs are as before; what runs around it, or moving tensors, changed"


def _pins(case: _Case) -> Iterator[tuple[str, str]]:
    then, now = (unit.verdicts[unit.backend].code == "pinned" for unit in (case.before, case.after))
    if now:
        yield "request", f"pinned to {case.after.backend} by the caller"
    if then:
        yield "request", f"no longer pinned to {case.before.backend}"


def _wishes(case: _Case) -> Iterator[tuple[str, str]]:
    old, new = case.old.request, case.new.request
    asked = (
        ("target", old.target, new.target),
        ("policy", old.policy, new.policy),
        ("quantization", old.assume or "the model's own", new.assume or "the model's own"),
    )
    for what, then, now in asked:
        if then != now:
            yield "request", f"planned for another {what}: {then} → {now}"


def _taking_part(case: _Case) -> Iterator[tuple[str, str]]:
    then, now = (
        {candidate.name: candidate for candidate in plan.candidates if candidate.takes_part}
        for plan in (case.old, case.new)
    )
    if case.before.backend not in now:
        reason = next(
            (candidate.reason for candidate in case.new.candidates if candidate.name == case.before.backend),
            "not installed",
        )
        yield "backend", f"{case.before.backend} takes no part any more: {reason}"
    if case.after.backend not in then:
        yield "backend", f"{case.after.backend} takes part now"


def _verdicts(case: _Case) -> Iterator[tuple[str, str]]:
    lost, won = case.after.verdicts.get(case.before.backend), case.before.verdicts.get(case.after.backend)
    if lost is not None and not lost.supported:
        yield "verdict", f"{case.before.backend} does not take it any more [{lost.code}, {lost.basis}]: {lost.reason}"
    if won is not None and not won.supported:
        yield "verdict", f"{case.after.backend} takes it now; before [{won.code}, {won.basis}]: {won.reason}"


def _costs(case: _Case) -> Iterator[tuple[str, str]]:
    changed = [
        _cost(name, then, now)
        for name in dict.fromkeys((case.before.backend, case.after.backend))
        if (then := case.before.verdicts.get(name)) is not None and (now := case.after.verdicts.get(name)) is not None
    ]
    if any(changed):
        yield "cost", "; ".join(filter(None, changed))


def _cost(name: str, then: UnitVerdict, now: UnitVerdict) -> str:
    """How the price on one backend changed; "" when it did not."""
    if then.cost_us is None or now.cost_us is None:
        return ""
    if abs(then.cost_us - now.cost_us) <= SAME * max(then.cost_us, now.cost_us):
        return ""
    sources = f" ({then.cost_source} → {now.cost_source})" if then.cost_source != now.cost_source else ""
    return f"{name}: {duration(then.cost_us)} → {duration(now.cost_us)}{sources}"


__all__ = ["why_moved"]
