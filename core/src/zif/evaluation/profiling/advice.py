"""What a profile says to do: where the time goes, unit by unit, and what would take less, each with its figures.

A suggestion is drawn from what was measured here and from what the plan says of other places; it promises no more than
these say, and nothing is drawn from an emulator's times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from zif.evaluation.profiling.advised import advised
from zif.evaluation.profiling.profile import Profile, SegmentProfile, Suggestion, UnitTime
from zif.files.wording import duration, operators, ratio, things

if TYPE_CHECKING:
    from zif.planning import Plan, UnitPlan
    from zif.records import Kind

#: What takes less than this share of a run is not worth a line.
WORTH = 0.03

#: This many times the predicted time is told, where it is a tenth of a run.
FAR = 3.0

#: Units that are told one by one.
MOST = 20


def slowest(plan: Plan, segments: Sequence[SegmentProfile], kind: Kind) -> tuple[UnitTime, ...]:
    """The units that were timed on hardware, or inside emulators, the slowest first, at most `MOST`."""
    total = sum(segment.ms.p50 for segment in segments) * 1e3
    units, slowest_units = {unit.name: unit for unit in plan.units}, []
    for segment in segments:
        for name, us in segment.parts_us.items() if segment.kind == kind else ():
            unit = units[name]
            said = unit.verdicts[unit.backend].cost_us if unit.backend in unit.verdicts else None
            if us > 0:
                share = round(us / total, 4) if total else 0.0
                slowest_units.append(
                    UnitTime(name, unit.op_type, segment.id, segment.backend, round(us, 3), share, said)
                )
    slowest_units.sort(key=lambda unit: (-unit.us, unit.name))
    return tuple(slowest_units[:MOST])


def suggestions(plan: Plan, profile: Profile) -> tuple[Suggestion, ...]:
    """What was measured calls for, what saves most first; then the plan's own advice beside what was measured."""
    rules = (_beyond, _elsewhere, _refused, _arithmetic, _layouts, _between, _unsteady)
    measured = [suggestion for rule in rules for suggestion in rule(plan, profile)]
    measured.sort(key=lambda suggestion: -(suggestion.saves_ms or 0.0))
    return (*measured, *advised(plan, profile))


def _taken(plan: Plan, profile: Profile) -> Iterator[tuple[UnitPlan, float]]:
    """Units on hardware with the microseconds that they took of their segment's median."""
    units = {unit.name: unit for unit in plan.units}
    for segment in profile.segments:
        if segment.real:
            yield from ((units[name], us) for name, us in segment.parts_us.items() if us > 0)


def _worth(profile: Profile, us: float) -> bool:
    return us >= WORTH * profile.ms.p50 * 1e3


def _beyond(plan: Plan, profile: Profile) -> Iterator[Suggestion]:
    """Units that took far longer than the plan said: where to look first."""
    real = {segment.id for segment in profile.segments if segment.real}
    for unit in profile.slowest:
        if unit.segment in real and unit.predicted_us and unit.us > FAR * unit.predicted_us and unit.share >= 0.1:
            macs = plan.unit(unit.name).macs
            rate = f", {macs / unit.us / 1e3:.2g} GMAC/s" if macs else ""
            text = (
                f"{unit.name} ({unit.op_type}) takes {unit.share:.0%} of a run on {unit.backend}: "
                f"{duration(unit.us)}{rate}, {ratio(unit.us, unit.predicted_us)} what the plan said. "
                "Its shape or its engine's kernel is the matter: look here first"
            )
            yield Suggestion("slow", text, round((unit.us - unit.predicted_us) / 1e3, 3))


def _elsewhere(plan: Plan, profile: Profile) -> Iterator[Suggestion]:
    """What was measured slower here than another backend is estimated to be."""
    groups: dict[tuple[str, str, bool], list[tuple[UnitPlan, float, float]]] = {}
    for unit, us in _taken(plan, profile):
        others = {k: v.cost_us for k, v in unit.verdicts.items() if k != unit.backend and v.cost_us is not None}
        best = min(others, key=lambda name: others[name], default="")
        if best and others[best] < us:
            pinned = unit.verdicts[unit.backend].code == "pinned"
            groups.setdefault((unit.backend, best, pinned), []).append((unit, us, others[best]))
    for (here, there, pinned), rows in groups.items():
        took, said = sum(row[1] for row in rows), sum(row[2] for row in rows)
        if _worth(profile, took - said):
            sources = sorted({row[0].verdicts[there].cost_source for row in rows})
            do = "they are pinned: let them go" if pinned else "plan again: the next plan weighs this against moving"
            text = (
                f"{things(len(rows), 'unit')} on {here} ({operators(row[0].op_type for row in rows)}) took "
                f"{duration(took)}; {there} is put at {duration(said)} ({', '.join(sources)}). "
                f"{do[0].upper()}{do[1:]}"
            )
            yield Suggestion("elsewhere", text, round((took - said) / 1e3, 3))


def _refused(plan: Plan, profile: Profile) -> Iterator[Suggestion]:
    """What takes long where it is because the backend with the best score refuses it."""
    best = max(plan.scores, key=lambda name: plan.scores[name].total, default="")
    groups: dict[str, list[tuple[UnitPlan, float]]] = {}
    for unit, us in _taken(plan, profile):
        verdict = unit.verdicts.get(best)
        if unit.backend != best and verdict is not None and not verdict.supported:
            groups.setdefault(verdict.code, []).append((unit, us))
    for code, rows in groups.items():
        took = sum(us for _, us in rows)
        if _worth(profile, took):
            reason = rows[0][0].verdicts[best].reason
            text = (
                f"{things(len(rows), 'unit')} ({operators(unit.op_type for unit, _ in rows)}) took {duration(took)} "
                f"on {rows[0][0].backend} because {best} refuses them [{code}]: {reason}. "
                f"`zif plan --what-if '{best}+code:{code}'` says what it would bring"
            )
            yield Suggestion("refused", text)


def _arithmetic(plan: Plan, profile: Profile) -> Iterator[Suggestion]:
    """What multiplies far more slowly than the rest of its backend, and what quantizing could bring."""
    rates: dict[str, list[tuple[UnitPlan, float]]] = {}
    for unit, us in _taken(plan, profile):
        if unit.macs:
            rates.setdefault(unit.backend, []).append((unit, us))
    for name, rows in rates.items():
        macs, took = sum(unit.macs for unit, _ in rows), sum(us for _, us in rows)
        slow = [(unit, us) for unit, us in rows if unit.macs / us < macs / took / 4 and _worth(profile, us)]
        for unit, us in sorted(slow, key=lambda row: -row[1])[:3]:
            text = (
                f"{unit.name} ({unit.op_type}) multiplies at {unit.macs / us / 1e3:.2g} GMAC/s where {name} reaches "
                f"{macs / took / 1e3:.2g} over this model: {duration(us)} for {unit.macs / 1e6:.3g} MMAC. Few "
                "channels, a large kernel or depthwise groups leave its vector units idle"
            )
            yield Suggestion("shape", text, round(us * (1 - unit.macs / us / (macs / took)) / 1e3, 3))
        yield from _quantized(plan, profile, name, [row for row in rows if row[0].precision in ("fp32", "fp16")])


def _quantized(plan: Plan, profile: Profile, name: str, rows: Sequence[tuple[UnitPlan, float]]) -> Iterator[Suggestion]:
    from zif.targets import target

    took = sum(us for _, us in rows)
    candidate = next((candidate for candidate in plan.candidates if candidate.name == name), None)
    rates = target(plan.target).processors.get(candidate.processor) if candidate is not None else None
    sources = {unit.verdicts[name].cost_source for unit, _ in rows if name in unit.verdicts}
    if rates is None or "declared" in sources or not _worth(profile, took):
        return
    wide, narrow = rates.macs_per_s.get("fp32", 0.0), rates.macs_per_s.get("int8", 0.0)
    if wide and narrow > wide:
        text = (
            f"{things(len(rows), 'unit')} that multiply in floating point on {name} took {duration(took)}; by its "
            f"rates int8 is {ratio(narrow, wide)} as fast there ({rates.source}). `zif quantize`, then `zif compare`"
        )
        yield Suggestion("quantize", text, round(took * (1 - wide / narrow) / 1e3, 3))


def _layouts(_: Plan, profile: Profile) -> Iterator[Suggestion]:
    """What engines do besides the units, as a share of what they were seen to do."""
    for name in profile.backends:
        mine = [segment for segment in profile.segments if segment.backend == name and segment.real]
        timed = sum(sum(layer.units_us.values()) for layer in mine)
        other = sum(sum(layer.other_us.values()) for layer in mine)
        us = 1e3 * sum(layer.ms.p50 for layer in mine) * other / (timed + other) if other else 0.0
        if other > 0.1 * (timed + other) and _worth(profile, us):
            names = ", ".join(sorted({part for layer in mine for part in layer.other_us})[:3])
            fewer = f". Fewer and larger segments than {len(mine)} need less of it" if len(mine) > 1 else ""
            text = f"{duration(us)} of {name}'s time goes into converting data between units: {names}{fewer}"
            yield Suggestion("layout", text, round(us / 1e3, 3))


def _between(_: Plan, profile: Profile) -> Iterator[Suggestion]:
    if profile.emulated:
        return
    if len(profile.segments) > 1 and profile.overhead_ms > 0.1 * profile.ms.p50:
        text = (
            f"{profile.overhead_ms:.3g} ms of {profile.ms.p50:.3g} lie between {len(profile.segments)} segments; "
            "`zif plan` names the changes that would join them"
        )
        yield Suggestion("between", text, profile.overhead_ms)


def _unsteady(_: Plan, profile: Profile) -> Iterator[Suggestion]:
    if profile.emulated:
        return
    if profile.runs >= 20 and profile.ms.p99 > 2 * profile.ms.p50:
        text = (
            f"p99 is {ratio(profile.ms.p99, profile.ms.p50)} the median over {profile.runs} runs: something else runs "
            "on this machine, or threads wait for each other. Measure again when it is idle before trusting the tail"
        )
        yield Suggestion("unsteady", text)
