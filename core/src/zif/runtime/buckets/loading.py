"""A session of buckets from a model: every bucket planned, built, verified as asked, and loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from zif.model.arguments import Progress
from zif.runtime.buckets.request import Asked
from zif.runtime.buckets.routing import Bucket, Router
from zif.runtime.buckets.session import BucketedSession
from zif.runtime.session import Event, Session

if TYPE_CHECKING:
    from zif.planning.planner import Planner


#: Builds what a planner plans, verifies it with samples if that was asked for, and opens it.
Opened = Callable[["Planner", Sequence[Any] | None], Session]


def load_buckets(
    asked: Asked,
    target: str,
    policy: str,
    wishes: Mapping[str, Any],
    opened: Opened,
    cache: bool = True,
    progress: Progress | None = None,
) -> BucketedSession:
    """Build and load every bucket. Raises what planning, building and loading raise."""
    told = progress or (lambda _: None)
    grid, events, buckets = asked.grid, list[Event](), list[Bucket]()
    findings = asked.findings(cache, progress)
    with ExitStack() as undo:
        for point, finding in zip(grid.points(), findings.points, strict=True):
            told(f"bucket {grid.label(point)}")
            planner = asked.planner(point, target, policy, wishes, finding, progress=progress)
            session = undo.enter_context(opened(planner, asked.own(point, finding)))
            buckets.append(Bucket(grid.label(point), point, grid.shapes(point), finding, session))
        remaining = _rest(asked.rest(target, policy, wishes), opened, events)
        if remaining is not None:
            undo.enter_context(remaining)
        router, model = Router(grid, findings, buckets, remaining), asked.model
        made = BucketedSession(router, model.inputs, model.outputs, model.optional_inputs, events)
        undo.pop_all()
        return made


def _rest(rest: Planner | str, opened: Opened, events: list[Event]) -> Session | None:
    if isinstance(rest, str):
        events.append(no_rest(rest))
        return None
    return opened(rest, None)


def no_rest(why: str) -> Event:
    """That inputs which fit into no bucket are refused."""
    text = f"inputs that fit into no bucket are refused: nothing runs at their real shape ({why})"
    return Event("bucket", "zif", None, text)
