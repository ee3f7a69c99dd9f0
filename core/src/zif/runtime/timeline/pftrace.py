"""Spans in Perfetto's own format, written with its library: tracks below one process, slices that begin and end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from zif.backends.timeline import Span
from zif.errors import UsageError
from zif.files.installing import to_install
from zif.runtime.timeline.chrome import row, rows_of, told

#: The number by which all packets are known to come from one writer, and that of the process's own track.
_WRITER, _PROCESS = 1, 1 << 32


def library() -> tuple[Any, Any]:
    """What builds a trace, and the messages in it. Raises UsageError where Perfetto's library is not installed."""
    try:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2
        from perfetto.trace_builder.proto_builder import TraceProtoBuilder
    except ImportError as error:
        raise UsageError(
            f"a .pftrace is written with Perfetto's library, which is not installed (`{to_install('zif[timeline]')}`); "
            ".json takes none and opens in ui.perfetto.dev as well"
        ) from error
    return TraceProtoBuilder, perfetto_trace_pb2


def pftrace(spans: Sequence[Span]) -> bytes:
    """The trace. Raises UsageError where the library is missing."""
    builder, messages = library()
    trace, rows = builder(), rows_of(spans)
    _process(trace.add_packet())
    for name, number in rows.items():
        track = trace.add_packet().track_descriptor
        track.uuid, track.parent_uuid, track.name = number, _PROCESS, name
    # A slice that begins when another ends stands behind it, and an inner one within the outer one.
    for _, _, span, begins in sorted(_edges(spans), key=lambda edge: edge[:2]):
        packet = trace.add_packet()
        packet.timestamp = span.start if begins else span.end
        packet.trusted_packet_sequence_id = _WRITER
        event = packet.track_event
        event.track_uuid = rows[row(span)]
        kinds = messages.TrackEvent
        event.type = kinds.TYPE_SLICE_BEGIN if begins else kinds.TYPE_SLICE_END
        if begins:
            event.name = span.name
            event.categories.append(span.kind)
            _annotate(event, told(span))
    made: bytes = trace.serialize()
    return made


def _edges(spans: Sequence[Span]) -> list[tuple[int, int, Span, bool]]:
    """Beginnings and ends, each with its place in time and among those of the same time."""
    starts = [(span.start, 1, span, True) for span in sorted(spans, key=lambda span: (span.start, -span.end))]
    ends = [(max(span.end, span.start + 1), 0, span, False) for span in spans]  # inner ones are recorded first
    return [*starts, *ends]


def _process(packet: Any) -> None:
    packet.track_descriptor.uuid = _PROCESS
    packet.track_descriptor.process.pid = os.getpid()
    packet.track_descriptor.process.process_name = "zif"


def _annotate(event: Any, known: dict[str, Any]) -> None:
    for name, value in known.items():
        note = event.debug_annotations.add()
        note.name = name
        if isinstance(value, int):
            note.int_value = value
        else:
            note.string_value = str(value)
