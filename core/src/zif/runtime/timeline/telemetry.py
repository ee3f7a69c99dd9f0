"""The same spans as OpenTelemetry's, in a host that has its API: with no SDK behind it, they go nowhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry import trace

from zif.backends.timeline import Recorder, Span


def exported(recorder: Recorder) -> Callable[[Span], None]:
    """Makes each span of a recorder one of OpenTelemetry's, below those that it stands in and the host's current one.

    An inner span ends before the one that it stands in begins there, so that a thread's spans wait for the outermost.
    """
    tracer: Any = trace.get_tracer("zif")
    waiting: dict[int, list[Span]] = {}

    def export(span: Span) -> None:
        held = waiting.setdefault(span.thread, [])
        held.append(span)
        if span.depth == 0:
            waiting.pop(span.thread)
            _write(tracer, recorder.epoch, held)

    return export


def _write(tracer: Any, epoch: int, spans: Sequence[Span]) -> None:
    """One outermost span with all that it holds."""
    around: list[tuple[Span, Any]] = []
    made = []
    for span in sorted(spans, key=lambda span: (span.start, span.depth)):
        while around and around[-1][0].depth >= span.depth:
            around.pop()
        context = trace.set_span_in_context(around[-1][1]) if around else None
        known = {"zif.kind": span.kind, "zif.track": span.track, "zif.session": span.session}
        known |= {f"zif.{name}": value for name, value in span.told.items()}
        other = tracer.start_span(span.name, context, start_time=epoch + span.start, attributes=known)
        around.append((span, other))
        made.append((span, other))
    for span, other in reversed(made):
        other.end(end_time=epoch + span.end)
