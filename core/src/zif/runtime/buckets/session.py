"""A session of several sizes: the host feeds what it has, the smallest fitting bucket runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from zif.errors import ZifError
from zif.planning import Segment
from zif.runtime.buckets.grid import Axis
from zif.runtime.buckets.routing import Bucket, Router, Way
from zif.runtime.session import Event, Session, Step
from zif.runtime.session.moving import Moving

if TYPE_CHECKING:
    from zif.records import Arrays, TensorInfo
    from zif.runtime.session import Timing


class BucketedSession(Session):
    """As a Session, for inputs of the model's own open shapes. `plan` is that of the largest bucket.

    `buckets` are those that were built, each with its plan, its session and what was found of padding; `unfitting` is
    the session of inputs that fit into none, at their real shape on the CPU, or None.
    """

    def __init__(
        self,
        router: Router,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        optional: Sequence[TensorInfo],
        events: Sequence[Event],
    ) -> None:
        """inputs, outputs, optional: as the model has them, with open dimensions."""
        largest = router.buckets[-1]
        plan = evolve(largest.plan, inputs=tuple(inputs), outputs=tuple(outputs))
        names = tuple(info.name for info in (*inputs, *optional)), tuple(info.name for info in outputs)
        whole = Segment(0, plan.segments[-1].backend, plan.segments[-1].kind, (), *names, 0.0, 0.0)
        known = {info.name: info for info in (*inputs, *outputs)}
        super().__init__(plan, [Step(whole, router, *names)], known, optional, events)
        self._router = router
        router.unfitting = self._say_unfitting
        self.events += _told(router)
        for session in self._sessions():  # what happens in them is told here
            self.events += session.events
            session.events, session.number = self.events, self.number

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """Those that were built, the one with the fewest elements first."""
        return self._router.buckets

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The dimensions that vary, with their sizes."""
        return self._router.grid.axes

    @property
    def unfitting(self) -> Session | None:
        """The session of what fits into no bucket."""
        return self._router.rest

    def run(self, inputs: Arrays | None = None, *, trace: list[Timing] | None = None, **more: Any) -> dict[str, Any]:
        """As Session.run; `trace` gets the segments of the bucket that ran."""
        if trace is None:
            return super().run(inputs, **more)
        with self._router.traced(trace):
            return super().run(inputs, **more)

    def way(self, inputs: Mapping[str, Any]) -> Way:
        """Where these inputs would go: which bucket (None for their real shape), and whether that fits exactly."""
        return self._router.way(inputs)

    def _take(self, other: Moving) -> None:
        super()._take(other)
        if isinstance(other, BucketedSession):
            self._router = other._router
            self._router.unfitting = self._say_unfitting

    def _say_unfitting(self, shapes: str) -> None:
        text = f"{shapes} fits into no bucket and runs at its real shape; of others like it nothing more is said"
        self.events.append(Event("bucket", "zif", None, text))

    def _sessions(self) -> list[Session]:
        rest = [self._router.rest] if self._router.rest is not None else []
        return [bucket.session for bucket in self._router.buckets] + rest

    def _named(self, step: Step, error: BaseException) -> ZifError:
        """What a bucket's session raised says already who."""
        return error if isinstance(error, ZifError) else super()._named(step, error)


def _told(router: Router) -> list[Event]:
    """A sentence for each bucket that may not be padded for."""
    return [
        Event("bucket", "zif", None, f"{bucket.label} takes inputs of its own size only: {bucket.finding.reason}")
        for bucket in router.buckets
        if not bucket.finding.padding
    ]
