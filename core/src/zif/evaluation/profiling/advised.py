"""The advice of a plan again, with what was measured in the place of what was predicted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from zif.backends.isolation.pool import IDLE_S
from zif.evaluation.profiling.profile import Suggestion
from zif.files.wording import duration, ratio, size

if TYPE_CHECKING:
    from zif.evaluation.profiling.profile import Profile
    from zif.planning import Plan
    from zif.planning.plan import Advice

#: From so many runs on a drift of their times is told, and from so much on it is one.
RUNS, DRIFT = 20, 1.1


def advised(plan: Plan, profile: Profile) -> Iterator[Suggestion]:
    """One suggestion for each advice of the plan. Of what was emulated the plan's own figures stay."""
    rules = {"batch": _batch, "static": _static, "heat": _heat, "idle": _idle}
    for advice in plan.advice:
        text = rules[advice.code](advice, profile) if advice.code in rules else _of_units(advice, profile)
        yield Suggestion(advice.code, text)


def _of_units(advice: Advice, profile: Profile) -> str:
    """What the units that it is about took of a run, where they were timed on hardware."""
    took: dict[str, float] = {}
    for segment in profile.segments:
        if segment.real:
            took |= segment.parts_us
    known = [took[name] for name in advice.units if name in took]
    if not known or len(known) < len(advice.units):
        return f"{advice.text} (as planned: these were not timed on what was planned for)"
    us = sum(known)
    return f"{advice.text}. Measured: {duration(us)}, {us / (10 * profile.ms.p50):.1f} % of a run"


def _batch(advice: Advice, profile: Profile) -> str:
    if profile.emulated:
        return f"{advice.text} (as planned)"
    return (
        f"{advice.text}. Measured: {profile.throughput:g} runs/s with this shape, {profile.overhead_ms:.3g} ms of each "
        "run between segments; measure the other shape beside it"
    )


def _static(advice: Advice, profile: Profile) -> str:
    grown = size(max(profile.rss_delta_mb, 0.0) * 2**20)
    peak = profile.memory.peak_mb if profile.memory is not None else None
    most = "" if peak is None else f", and {peak:.0f} MiB were held at the most"
    return f"{advice.text}. Measured: {profile.runs} runs grew memory by {grown}{most}"


def _heat(advice: Advice, profile: Profile) -> str:
    if profile.emulated or profile.runs < RUNS:
        return f"{advice.text} (as planned: {'emulated' if profile.emulated else f'fewer than {RUNS} runs'})"
    told = f"the last quarter of {profile.runs} runs took {ratio(profile.drift, 1.0)} the first"
    if profile.drift >= DRIFT:
        return (
            f"{advice.text}. Measured: {told}: clocks may have fallen, or others run here. Measure for longer (--runs)"
        )
    return f"{advice.text}. Measured: {told}: nothing throttled in {duration(1e3 * profile.runs * profile.ms.mean)}"


def _idle(advice: Advice, profile: Profile) -> str:
    workers = profile.memory.workers if profile.memory is not None else {}
    held = ", ".join(f"{worker.rss_mb:g} MiB in the worker of {name}" for name, worker in workers.items())
    return f"{advice.text}. Measured: {held}, until {IDLE_S:g} s after closing" if held else advice.text
