"""A session for a command with what it is fed, and what its runs took as the documents say it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from zif.cli.inputs import Feed
    from zif.cli.options import FeedOptions
    from zif.planning import Plan
    from zif.runtime.session import Event, Session
    from zif.runtime.session.repeated import Outcome


def opened(source: Path, feed: FeedOptions, wanted: dict[str, Any], told: Any) -> tuple[Session, list[Feed]]:
    """The session and what to feed it. A model's inputs are checked before anything is compiled.

    Raises UsageError or InvalidInput for the inputs, and what `zif.load` raises.
    """
    from zif.cli.inputs import feeds
    from zif.runtime import verbs

    if verbs.is_bundle(source):
        session = verbs.load(source, progress=told, **wanted)
        try:
            return session, feeds(feed, session.inputs, session.optional_inputs)
        except BaseException:
            session.close()
            raise
    from zif.model import Model

    verbs.check_trusted(source, wanted.get("trusted_only", False))
    model = Model.load(source, wanted["shapes"], wanted.get("custom_ops", ()))
    fed = feeds(feed, model.inputs, model.optional_inputs)
    return verbs.load(model, progress=told, **wanted), fed


def by_segment(session: Session, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Each segment with the median of its times; a run that took another path (a fallback) counts for where it ran."""
    spent: dict[tuple[int, str, str, str], list[float]] = {}
    for timing in (timing for outcome in outcomes for run in outcome.timings for timing in run):
        spent.setdefault((timing.segment, timing.backend, timing.kind, timing.label), []).append(timing.ms)
    units = {segment.id: len(segment.units) for segment in session.plan.segments}
    return [
        {
            "id": number,
            "backend": backend,
            "kind": kind,
            "label": label,
            "units": units.get(number, 0),
            "ms": round(median(ms), 4),
        }
        for (number, backend, kind, label), ms in spent.items()
    ]


def unsaid(plan: Plan, events: Sequence[Event]) -> list[str]:
    """Notes of the plan that no event repeats."""
    said = {f"{event.backend}: {event.text}" for event in events}
    return [note for note in plan.notes if note not in said]
