"""Who did what when: spans of time, told to whoever records them; nobody pays while nobody does.

Times are those of `time.perf_counter_ns`, one clock for all threads. A span stands on the track of the thread that it
was in, or on one that is named, such as a processor's or a worker process's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter_ns, time_ns
from typing import Any

from attrs import Factory, define, field, frozen

NOTHING: AbstractContextManager[None] = nullcontext()
#: Who records; nobody but `recording` changes it.
recorders: tuple[Recorder, ...] = ()
_lock, _local = threading.Lock(), threading.local()


@frozen
class Span:
    """Something that took from `start` to `end`, in nanoseconds of the recorder's clock.

    kind: "segment", "copy", "queue", "hop", "probe", "plan", "convert", "compile", "load", "cache" or "run". track: a
    processor or a worker; "" for the thread alone. session: a number for each session; 0 outside of one. depth: how
    many spans of its thread it stands in.
    """

    name: str
    kind: str
    start: int
    end: int
    thread: int
    thread_name: str
    track: str = ""
    session: int = 0
    depth: int = 0
    told: Mapping[str, Any] = Factory(dict)


@define(eq=False)
class Recorder:
    """What was recorded so far. only: the number of the one session whose spans are kept, 0 for everybody's.

    epoch: the nanoseconds between the clock's zero and 1970. also: is called with each span as it ends.
    """

    only: int = 0
    spans: list[Span] = field(factory=list)
    also: Callable[[Span], None] | None = None
    epoch: int = field(factory=lambda: time_ns() - perf_counter_ns())

    def take(self, span: Span) -> None:
        """Keep a span, if it is one of those that are wanted."""
        if not self.only or span.session == self.only:
            self.spans.append(span)
            if self.also is not None:
                self.also(span)


@contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    """Within it, every span of this process is told to the recorder."""
    global recorders
    with _lock:
        recorders = (*recorders, recorder)
    try:
        yield recorder
    finally:
        with _lock:
            recorders = tuple(listener for listener in recorders if listener is not recorder)


def recorded() -> bool:
    """Whether anybody records."""
    return bool(recorders)


def span(name: str, kind: str, track: str = "", **told: Any) -> AbstractContextManager[None]:
    """What is done within it is a span, if anybody records."""
    return _timed(name, kind, track, told) if recorders else NOTHING


def tell(name: str, kind: str, start: int, track: str = "", **told: Any) -> None:
    """A span that began at `start`, in nanoseconds of `perf_counter_ns`, and ends now."""
    if not recorders:
        return
    thread = threading.current_thread()
    session, depth = getattr(_local, "session", 0), getattr(_local, "depth", 0)
    made = Span(name, kind, start, perf_counter_ns(), thread.native_id or 0, thread.name, track, session, depth, told)
    for recorder in recorders:
        recorder.take(made)


@contextmanager
def within(session: int) -> Iterator[None]:
    """The spans of this thread are a session's."""
    before, _local.session = getattr(_local, "session", 0), session
    try:
        yield
    finally:
        _local.session = before


@contextmanager
def _timed(name: str, kind: str, track: str, told: Mapping[str, Any]) -> Iterator[None]:
    start = perf_counter_ns()
    _local.depth = getattr(_local, "depth", 0) + 1
    try:
        yield
    finally:
        _local.depth -= 1
        tell(name, kind, start, track, **told)


__all__ = ["NOTHING", "Recorder", "Span", "recorded", "recording", "span", "tell", "within"]
