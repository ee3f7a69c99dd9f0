"""A session for a command with what it is fed, and what its runs took as the documents say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from zif.cli.inputs import Feed
    from zif.cli.options import FeedOptions
    from zif.cli.sizes import BucketOptions
    from zif.planning import Plan
    from zif.runtime.session import Event, Session
    from zif.runtime.session.repeated import Outcome


def opened(
    source: Path, feed: FeedOptions, wanted: dict[str, Any], told: Any, sizes: BucketOptions | None = None
) -> tuple[Session, list[Feed]]:
    """The session and what to feed it. A model's inputs are checked before anything is compiled; with `start`, beside.

    Raises UsageError or InvalidInput for the inputs, and what `zif.load` raises.
    """
    from zif.artifacts.bundle.contexts import is_package
    from zif.cli.inputs import feeds
    from zif.runtime import refusals, sources, verbs

    if sources.is_bundle(source) or is_package(source) or wanted.get("start"):
        session = verbs.load(source, progress=told, buckets=sizes.buckets if sizes is not None else None, **wanted)
        try:
            return session, feeds(feed, session.inputs, session.optional_inputs)
        except BaseException:
            session.close()
            raise
    from zif.model import Model

    refusals.check_trusted(source, wanted.get("trusted_only", False) or wanted.get("trusted_key") is not None)
    if sizes is not None and sizes.several(wanted):
        return _bucketed(source, feed, wanted, told, sizes)
    model = Model.load(source, wanted["shapes"], wanted.get("custom_ops", ()))
    fed = feeds(feed, model.inputs, model.optional_inputs)
    return verbs.load(model, progress=told, verify="off", **wanted), fed


def _bucketed(
    source: Path, feed: FeedOptions, wanted: dict[str, Any], told: Any, sizes: BucketOptions
) -> tuple[Session, list[Feed]]:
    """The same for several sizes. Random values are of the largest."""
    from zif.cli.inputs import feeds
    from zif.model import Model
    from zif.runtime import planners, verbs

    model = Model.load(source, None, wanted.get("custom_ops", ()))
    samples = sizes.samples(model, feed.preprocess)
    asked = planners.bucketed(model, sizes.buckets, samples, **wanted)
    largest = asked.at(asked.grid.points()[-1])
    fed = feeds(feed, model.inputs if feed.random is None else largest.inputs, model.optional_inputs)
    session = verbs.load(model, progress=told, buckets=sizes.buckets, samples=samples, verify="off", **wanted)
    return session, fed


def bucket_of(session: Session, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which bucket a run on these inputs goes to, as documents say it; None for a session of one size."""
    from zif.runtime.buckets.session import BucketedSession

    if not isinstance(session, BucketedSession):
        return None
    way = session.way(values)
    if way.bucket is None:
        return {"label": "", "padding": "", "why": "it fits into no bucket and ran at its real shape"}
    return {"label": way.bucket.label, "padding": "" if way.exact else way.bucket.finding.padding, "why": ""}


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
