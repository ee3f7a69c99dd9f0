"""From a plan to artifacts that were verified: what proves wrong leaves its backend, and the plan is made again.

The plan says so with the code `verified-wrong`, and an event tells which units left, and how wrong they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from zif.errors import BackendUnavailable, InvalidInput, StageFailed, ZifError
from zif.files.wording import listed
from zif.model.arguments import Progress
from zif.records import Verdict
from zif.runtime.session import Event
from zif.runtime.verification import Bench, SegmentCheck, Verification
from zif.runtime.verification.culprit import Culprit
from zif.runtime.verification.pieces import leaving_units
from zif.runtime.verification.results_cache import Place
from zif.verdicts.learned import Lesson, remember

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.records import Compiled
    from zif.runtime.build import Builder
    from zif.runtime.session.step import Step
    from zif.runtime.verification.bench import Sample

#: How often a plan is made again for what proved wrong before whole segments leave.
ROUNDS = 6


@frozen(eq=False)
class Verified:
    """A plan with its artifacts, who built it, and what was found: None where nothing could be verified."""

    builder: Builder
    plan: Plan
    artifacts: Sequence[Compiled]
    verification: Verification | None


def build_verified(builder: Builder, samples: Sequence[Sample] | None = None, told: Progress | None = None) -> Verified:
    """Build, verify, and build again without what is wrong.

    samples: sets of arrays by input name, or functions that give one; None: values made from seeds. Where nothing can
    judge, or no values can be made, the plan stands as it is and an event says so. Raises ZifError subclasses;
    Unsupported where what is wrong runs nowhere else, as when it is pinned there.
    """
    plan, artifacts = builder.artifacts()
    try:
        bench = Bench.of(builder.planner, samples, told, plan.backends)
    except (BackendUnavailable, InvalidInput) as error:
        builder.events.append(Event("note", "zif", None, f"not verified: {error}"))
        return Verified(builder, plan, artifacts, None)
    return _until_right(builder, bench, plan, artifacts)


def _until_right(builder: Builder, bench: Bench, plan: Plan, artifacts: Sequence[Compiled]) -> Verified:
    lessons: list[Lesson] = []
    for number in range(2 * ROUNDS):
        result = _result(builder, bench, plan, artifacts)
        if not result.wrong:
            _keep(builder, lessons)
            return Verified(builder, plan, artifacts, result)
        words: dict[str, dict[str, Verdict]] = {}
        for check in result.wrong:
            leaving = leaving_units(builder, bench, check) if number < ROUNDS else _all(check)
            said = _words(leaving, check, bench)
            words.setdefault(check.backend, {}).update(said)
            builder.events.append(_event(check, leaving))
            lessons += _lessons(builder, check, leaving, said)
        builder = without(builder, words)
        bench = evolve(bench, planner=builder.planner)
        plan, artifacts = builder.artifacts()
    raise StageFailed(f"{builder.planner.model.name}: {2 * ROUNDS} plans in a row proved wrong; `zif plan` says where")


def _result(builder: Builder, bench: Bench, plan: Plan, artifacts: Sequence[Compiled]) -> Verification:
    """What is found of a plan, or was found of the very same before."""
    place = Place.of(builder, bench, plan)
    before = place and place.read()
    if before:
        return before
    with opened(builder, plan, artifacts) as (steps, unopened):
        result = bench.result(plan, [*bench.checks(steps), *unopened])
    if place is not None and result.verified:
        place.keep(result)
    return result


def without(builder: Builder, words: Mapping[str, Mapping[str, Verdict]]) -> Builder:
    """The builder of plans in which these verdicts hold, by backend and unit; what it built is kept."""
    everyone = builder.planner.participants
    settled = {
        name: participant.after("verified", words.get(name, {})) for name, participant in everyone.by_name.items()
    }
    planner = evolve(builder.planner, participants=evolve(everyone, by_name=settled))
    return builder.replanned(planner)


@contextmanager
def opened(
    builder: Builder, plan: Plan, artifacts: Sequence[Compiled]
) -> Iterator[tuple[list[Step], list[SegmentCheck]]]:
    """A plan's segments, loaded to be verified, and those that cannot be: a machine may compile what it cannot run."""
    with ExitStack() as stack:
        steps: list[Step] = []
        unopened: list[SegmentCheck] = []
        for segment, artifact in zip(plan.segments, artifacts, strict=True):
            try:
                steps.append(builder.step(segment, artifact, shared=True))
            except ZifError as error:
                about = (segment.id, segment.backend, segment.kind, segment.units)
                unopened.append(SegmentCheck(*about, "", (), f"it cannot be loaded here: {error}"))
                continue
            stack.callback(steps[-1].close)
        yield steps, unopened


def _lessons(
    builder: Builder, check: SegmentCheck, leaving: Sequence[Culprit], said: Mapping[str, Verdict]
) -> Iterator[Lesson]:
    """What the next plan shall know without running."""
    from datetime import date

    from zif.verdicts.facts import unit_facts

    planner, day = builder.planner, date.today().isoformat()
    model, toolchain = planner.model, planner.participants.by_name[check.backend].capabilities.toolchain
    for move in leaving:
        unit = model.unit(move.unit)
        about = (check.backend, toolchain, planner.target.name, model.fingerprint, model.name, unit.id)
        facts = tuple(sorted(unit_facts(model, unit)))
        yield Lesson(*about, unit.op_type, unit.domain, said[unit.id].reason, move.window, facts, day)


def _keep(builder: Builder, lessons: Sequence[Lesson]) -> None:
    try:
        remember(lessons)
    except (OSError, ZifError) as error:
        told = f"what proved wrong was not kept for the next plan: {error}. ZIF_DATA names another folder"
        builder.events.append(Event("note", "zif", None, told))


def _all(check: SegmentCheck) -> list[Culprit]:
    return [Culprit(unit, check.units, check.worst) for unit in check.units]


def _words(leaving: Sequence[Culprit], check: SegmentCheck, bench: Bench) -> dict[str, Verdict]:
    judge = " and ".join(bench.judge.options)
    reasons = {move.unit: f"{_figures(move, check)} ({judge} judges){_company(move)}" for move in leaving}
    return {unit: Verdict(False, "verified", "verified-wrong", reason) for unit, reason in reasons.items()}


def _figures(culprit: Culprit, check: SegmentCheck) -> str:
    worst = culprit.worst or check.worst
    if worst is None:
        return "its results are not those of the judge"
    if worst.sqnr_db is None or worst.rounded_db is None:
        share = 100 * (1 - (worst.agreement or 0.0))
        return f"{share:.3g} % of {worst.name!r} differ from the judge"
    if worst.rounded_db < worst.sqnr_db:
        return f"{check.precision} does not hold its values: {worst.sqnr_db:.1f} dB at {worst.name!r}"
    must = f"where {check.precision} must cost no more than {worst.rounded_db:.1f}"
    return f"{worst.sqnr_db:.1f} dB of the judge's {worst.name!r}, {must}"


def _company(culprit: Culprit) -> str:
    others = [unit for unit in culprit.window if unit != culprit.unit]
    return f", in company of {listed(others, 4)}" if others else ""


def _event(check: SegmentCheck, leaving: Sequence[Culprit]) -> Event:
    names = [culprit.unit for culprit in leaving]
    told = f"{listed(names, 5)} ({_figures(leaving[0], check)})"
    return Event("verified-wrong", check.backend, check.segment, f"moved off {check.backend}: {told}")


__all__ = ["Verified", "build_verified", "opened", "without"]
