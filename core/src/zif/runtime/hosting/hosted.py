"""One session of a host: as a session, but that its segments queue for their processors and that it may rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from zif.runtime.hosting.processor_queue import Desk
from zif.runtime.session.pipeline import Pipeline
from zif.runtime.session.stream import Stream

if TYPE_CHECKING:
    from types import TracebackType

    from zif.planning import Plan
    from zif.records import Arrays, TensorInfo
    from zif.runtime.session import Event, Session

Between = Callable[[], None]


class Owner(Protocol):
    """What a hosted session wants of its host."""

    def desk(self, processor: str) -> Desk: ...

    def make_room(self, hosted: Hosted) -> None: ...

    def forget(self, hosted: Hosted) -> None: ...


class Hosted:
    """A session of a `zif.Host`, made by `Host.load`. Used as a session is; `rest` gives its memory back.

    name: what errors call it. priority: who comes first at a processor, and who rests for whom. need: bytes by backend,
    and by "host", as the plan predicts them. keep: it rests only when it is told to.
    """

    def __init__(
        self, host: Owner, session: Session, name: str, priority: int, need: Mapping[str, int], keep: bool
    ) -> None:
        self.session, self.name, self.priority, self.need, self.keep = session, name, priority, dict(need), keep
        self.used = monotonic()
        self._host = host
        self._lock = threading.Lock()
        self._busy = 0

    def run(self, inputs: Arrays | None = None, *, trace: list[Any] | None = None) -> dict[str, Any]:
        """As `Session.run`; raises NoRoom, too, where it rested and others hold the memory that it needs."""
        return self._carried(self.admitted(inputs if inputs is not None else {}), lambda: None, trace)

    def carried(self, values: Mapping[str, Any], between: Between) -> dict[str, Any]:
        """As `Session.carried`, for pipelines."""
        return self._carried(values, between, None)

    def stream(
        self, state: Mapping[str, str], *, initial: Arrays | None = None, outputs: Collection[str] | None = None
    ) -> Stream:
        """As `Session.stream`."""
        return Stream(self, state, initial, outputs)

    def pipeline(self, depth: int | None = None) -> Pipeline:
        """As `Session.pipeline`."""
        return Pipeline(self, depth)

    def map(self, inputs: Iterable[Arrays], depth: int | None = None) -> Iterator[dict[str, Any]]:
        """As `Session.map`."""
        with self.pipeline(depth) as pipeline:
            yield from pipeline.map(inputs)

    def rest(self) -> None:
        """Give back what the backends hold. The next run loads again, where there is room then."""
        self.session.rest()

    def close(self) -> None:
        """Close the session, and leave the host. May be called twice."""
        self._host.forget(self)  # first: who is on its way out is not asked to rest
        self.session.close()

    @property
    def resting(self) -> bool:
        """Whether it holds nothing now."""
        return self.session.resting

    @property
    def may_rest(self) -> bool:
        """Whether the host may have it rest now: nobody runs it, it is not kept, and can be loaded again."""
        session = self.session
        return not (self._busy or self.keep or session._closed or session.resting or session.reload is None)

    @property
    def plan(self) -> Plan:
        """As `Session.plan`."""
        return self.session.plan

    @property
    def events(self) -> list[Event]:
        """As `Session.events`."""
        return self.session.events

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """As `Session.inputs`."""
        return self.session.inputs

    @property
    def optional_inputs(self) -> tuple[TensorInfo, ...]:
        """As `Session.optional_inputs`."""
        return self.session.optional_inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """As `Session.outputs`."""
        return self.session.outputs

    @property
    def steps(self) -> tuple[Any, ...]:
        """As `Session.steps`; none while it rests."""
        return self.session.steps

    def admitted(self, inputs: Arrays) -> Mapping[str, Any]:
        """As `Session.admitted`."""
        return self.session.admitted(inputs)

    def __enter__(self) -> Hosted:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _carried(self, values: Mapping[str, Any], between: Between, trace: list[Any] | None) -> dict[str, Any]:
        with self._lock:
            self._busy += 1
        places = _Places(self._host, self.priority, self._processors)
        try:
            if self.resting:
                self._host.make_room(self)
            return self.session.carried(values, lambda: places.next(between), trace)
        finally:
            places.leave()
            with self._lock:
                self._busy -= 1
                self.used = monotonic()

    def _processors(self) -> list[str]:
        """Where each segment runs, in order."""
        plan = self.session.plan
        kinds = {candidate.name: candidate.processor for candidate in plan.candidates}
        return [kinds.get(segment.backend) or segment.backend for segment in plan.segments]


class _Places:
    """The places at processors that one run takes, one after the other."""

    def __init__(self, host: Owner, priority: int, processors: Callable[[], list[str]]) -> None:
        self._host, self._priority, self._processors = host, priority, processors
        self._number, self._held = 0, ""

    def next(self, between: Between) -> None:
        """Leave the processor of the segment before, and wait for the next one's."""
        rows = self._processors()
        wanted = rows[self._number] if self._number < len(rows) else ""
        self._number += 1
        self.leave()
        between()
        if wanted:
            self._host.desk(wanted).enter(self._priority)
            self._held = wanted

    def leave(self) -> None:
        """Leave the place that is held."""
        held, self._held = self._held, ""
        if held:
            self._host.desk(held).leave()
