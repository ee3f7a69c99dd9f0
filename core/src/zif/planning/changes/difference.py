"""Two plans side by side: what moved, why, what it costs, and whether that is worse than a threshold allows.

Pure data from pure data: it needs neither the model nor the backends, so a plan that was saved a year ago will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from attrs import frozen

from zif.planning.changes.causes import why_moved
from zif.planning.plan import Candidate, Plan, UnitPlan, UnitVerdict

SCHEMA = "zif.plan-diff/1"

#: A cost that changes by no more than this share counts as the same.
SAME = 0.01

#: What each policy promises to keep low.
_GUARDED = {"performance": ("latency_us",), "power": ("energy_uj",), "memory": ("memory_bytes",)}


@frozen
class Side:
    """One of the two plans, in figures. memory_bytes: weights and the most activations alive at once, on all backends
    together. backends: version and toolchain of everyone who takes part."""

    model: str
    digest: str
    target: str
    policy: str
    units: int
    segments: int
    latency_us: float
    energy_uj: float
    transfer_bytes: int
    memory_bytes: int
    backends: Mapping[str, str]


@frozen
class Move:
    """A unit that runs elsewhere. cause: "request", "backend", "verdict", "cost" or "neighbours"; why: the sentence."""

    unit: str
    op_type: str
    before: str
    after: str
    cause: str
    why: str


@frozen
class VerdictChange:
    """Units of which a backend says something else, whether they moved for it or not. supported, code and basis are
    (before, after); reason is what it says of the first unit now."""

    backend: str
    units: tuple[str, ...]
    supported: tuple[bool | None, bool | None]
    code: tuple[str, str]
    basis: tuple[str, str]
    reason: str


@frozen
class CostChange:
    """What all units of one operator that both plans have would cost on a backend: microseconds and their sources."""

    backend: str
    op_type: str
    units: int
    before_us: float
    after_us: float
    source: tuple[str, str]


@frozen
class BackendChange:
    """A backend that is another version, takes part for the first time or no more."""

    backend: str
    before: str
    after: str


@frozen
class PlanDiff:
    """What is different. added and removed: units that only the new or only the old model has. regressions: a sentence
    for each figure that grew by more than the threshold; () when none did, or none was held against one."""

    old: Side
    new: Side
    moved: tuple[Move, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    verdicts: tuple[VerdictChange, ...]
    costs: tuple[CostChange, ...]
    backends: tuple[BackendChange, ...]
    threshold: float | None = None
    regressions: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether there is nothing to tell."""
        changes = (self.moved, self.added, self.removed, self.verdicts, self.costs, self.backends)
        return self.old == self.new and not any(changes)

    def to_json(self) -> dict[str, Any]:
        """The JSON document `zif.plan-diff/1`."""
        return {"schema": SCHEMA, "same": self.same, **attrs.asdict(self)}


def diff(old: Plan, new: Plan, threshold: float | None = 0.05) -> PlanDiff:
    """Compare two plans. Units are matched by name, or else by what they make.

    threshold: how much of the figures that the new plan's policy guards may be lost, as a share; None holds nothing
    against it. Plans for different targets are different by intention: they are not held against the default.
    """
    pairs = dict(_pairs(old, new))
    both = [(before, after) for after in new.units if (before := pairs.get(after.name)) is not None]
    kept = {before.name for before, _ in both}
    sides = _side(old), _side(new)
    return PlanDiff(
        *sides,
        moved=tuple(_move(old, new, a, b) for a, b in both if a.backend != b.backend),
        added=tuple(unit.name for unit in new.units if unit.name not in pairs),
        removed=tuple(unit.name for unit in old.units if unit.name not in kept),
        verdicts=tuple(_verdict_changes(both)),
        costs=tuple(_cost_changes(both)),
        backends=tuple(_backend_changes(old, new)),
        threshold=threshold,
        regressions=() if threshold is None else tuple(_regressions(*sides, threshold)),
    )


def _pairs(old: Plan, new: Plan) -> Iterator[tuple[str, UnitPlan]]:
    """(name in the new plan, the same unit in the old one)."""
    named = {unit.name: unit for unit in old.units}
    names = {unit.name for unit in new.units}
    makers = {name: unit for unit in old.units if unit.name not in names for name in unit.outputs}
    for unit in new.units:
        match = named.get(unit.name) or next((makers[name] for name in unit.outputs if name in makers), None)
        if match is not None and match.op_type == unit.op_type:
            yield unit.name, match


def _side(plan: Plan) -> Side:
    told = plan.predicted
    return Side(
        model=plan.model,
        digest=plan.digest,
        target=plan.target,
        policy=plan.policy,
        units=len(plan.units),
        segments=len(plan.segments),
        latency_us=told.latency_us,
        energy_uj=told.energy_uj,
        transfer_bytes=told.transfer_bytes,
        memory_bytes=sum(peak.weights_bytes + peak.activations_bytes for peak in told.memory.values()),
        backends={candidate.name: _version(candidate) for candidate in plan.candidates if candidate.takes_part},
    )


def _version(candidate: Candidate) -> str:
    return ", ".join(part for part in (f"{candidate.distribution} {candidate.version}", candidate.toolchain) if part)


def _move(old: Plan, new: Plan, before: UnitPlan, after: UnitPlan) -> Move:
    cause, why = why_moved(old, new, before, after)
    return Move(after.name, after.op_type, before.backend, after.backend, cause, why)


def _verdict_changes(both: list[tuple[UnitPlan, UnitPlan]]) -> Iterator[VerdictChange]:
    groups: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
    for before, after in both:
        for name, now in after.verdicts.items():
            then = before.verdicts.get(name)
            if then is not None and _said(then) != _said(now):
                groups.setdefault((name, *zip(_said(then), _said(now), strict=True)), []).append(
                    (after.name, now.reason)
                )
    for (name, supported, code, basis), hits in sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]))):
        yield VerdictChange(name, tuple(unit for unit, _ in hits), supported, code, basis, hits[0][1])


def _said(verdict: UnitVerdict) -> tuple[bool | None, str, str]:
    """What a backend said itself: of what it takes, the plan's own reasons (`slower`, `pinned`) are left out."""
    return verdict.supported, "ok" if verdict.supported else verdict.code, verdict.basis


def _cost_changes(both: list[tuple[UnitPlan, UnitPlan]]) -> Iterator[CostChange]:
    sums: dict[tuple[str, str], list[Any]] = {}
    for before, after in both:
        for name, now in after.verdicts.items():
            then = before.verdicts.get(name)
            if then is not None and then.cost_us is not None and now.cost_us is not None:
                row = sums.setdefault((name, after.op_type), [0, 0.0, 0.0, set(), set()])
                row[0], row[1], row[2] = row[0] + 1, row[1] + then.cost_us, row[2] + now.cost_us
                row[3].add(then.cost_source)
                row[4].add(now.cost_source)
    changes = [
        CostChange(name, op, count, round(a, 3), round(b, 3), (", ".join(sorted(before)), ", ".join(sorted(two))))
        for (name, op), (count, a, b, before, two) in sums.items()
        if abs(b - a) > SAME * max(a, b) or before != two
    ]
    yield from sorted(
        changes, key=lambda change: (-abs(change.after_us - change.before_us), change.backend, change.op_type)
    )


def _backend_changes(old: Plan, new: Plan) -> Iterator[BackendChange]:
    then, now = ({candidate.name: _standing(candidate) for candidate in plan.candidates} for plan in (old, new))
    for name in sorted(then.keys() | now.keys()):
        a, b = then.get(name, "not installed"), now.get(name, "not installed")
        if a != b:
            yield BackendChange(name, a, b)


def _standing(candidate: Candidate) -> str:
    return _version(candidate) if candidate.takes_part else f"takes no part: {candidate.reason}"


def _regressions(old: Side, new: Side, threshold: float) -> Iterator[str]:
    from zif.files.wording import duration, energy, size

    shown = {"latency_us": ("latency", duration), "energy_uj": ("energy", energy), "memory_bytes": ("memory", size)}
    for field in _GUARDED.get(new.policy, ("latency_us", "energy_uj")):
        before, after = getattr(old, field), getattr(new, field)
        if after > before * (1 + threshold) and after > before:
            what, text = shown[field]
            growth = f"+{100 * (after / before - 1):.1f} %" if before else "from nothing"
            yield f"{what} {text(before)} → {text(after)} ({growth}; {100 * threshold:g} % allowed)"


__all__ = ["BackendChange", "CostChange", "Move", "PlanDiff", "Side", "VerdictChange", "diff"]
