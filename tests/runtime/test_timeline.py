"""What ran when: spans of a session and of everything, as Chrome's JSON, Perfetto's own and OpenTelemetry's."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zif
from onnx import parser
from zif import UsageError
from zif.backends.timeline import Span, recorded
from zif.runtime.timeline import Timeline, traced

TEXT = '<ir_version: 8, opset_import: ["" : 17]> g (float[2, 3] x) => (float[2, 3] y) { a = Relu(x) y = Neg(a) }'
FEED = {"x": np.ones((2, 3), np.float32)}
#: The first unit on one backend, the second on another: two segments.
TWO: dict[str, Any] = {"only": ("reference", "qnn_cpu"), "pin": {"op:Relu": "reference", "op:Neg": "qnn_cpu"}}


@pytest.fixture
def session() -> Iterator[zif.Session]:
    with zif.load(parser.parse_model(TEXT), cache=False, **TWO) as opened:
        assert len(opened.steps) == 2
        yield opened


def kinds(timeline: Timeline) -> list[str]:
    return [span.kind for span in timeline.spans]


def inside(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start <= inner.end <= outer.end and inner.depth > outer.depth


def test_a_run_is_its_segments_and_copies(session: zif.Session) -> None:
    session.run(FEED)
    with session.trace() as timeline:
        session.run(FEED)
    session.run(FEED)
    assert kinds(timeline) == ["segment", "copy", "segment", "copy", "run"]
    *parts, whole = timeline.spans
    assert all(inside(part, whole) for part in parts)
    assert [one.track for one in parts[::2]] == ["reference (hardware)", "qnn_cpu (hardware)"]
    assert all(before.end <= after.start for before, after in pairwise(parts))
    assert not recorded()


def test_nothing_is_asked_of_anybody_while_nobody_looks(session: zif.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from zif.backends import timeline

    monkeypatch.setattr(timeline, "tell", lambda *_args, **_more: pytest.fail("a span was told"))
    monkeypatch.setattr(timeline, "_timed", lambda *_args: pytest.fail("a span was timed"))
    session.run(FEED)
    assert session.run_async(FEED).result()["y"].shape == (2, 3)


def test_only_a_sessions_own_runs_are_its_timeline(session: zif.Session) -> None:
    with zif.load(parser.parse_model(TEXT), cache=False, only="reference") as other, session.trace() as timeline:
        other.run(FEED)
        threads = [threading.Thread(target=session.run, args=(FEED,), name=f"host-{number}") for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert kinds(timeline).count("run") == 3
    assert {span.session for span in timeline.spans} == {session.number}
    assert {span.thread_name for span in timeline.spans} == {"host-0", "host-1", "host-2"}


def test_waiting_is_told(session: zif.Session) -> None:
    with session.trace() as timeline:
        for run in [session.run_async(FEED) for _ in range(3)]:
            run.result()
    waits = [span for span in timeline.spans if span.name == "waits for a thread"]
    assert len(waits) == 3
    assert {span.track for span in waits} == {"queue"}


def test_everything_is_probing_planning_compiling_and_loading_too() -> None:
    with traced() as timeline, zif.load(parser.parse_model(TEXT), cache=False, only="reference") as session:
        session.run(FEED)
    assert {"probe", "plan", "convert", "compile", "load", "segment", "run"} <= set(kinds(timeline))
    (plan,) = [span for span in timeline.spans if span.kind == "plan"]
    assert any(span.kind == "probe" and plan.start <= span.start <= span.end <= plan.end for span in timeline.spans)


def test_a_workers_requests_stand_on_its_own_track() -> None:
    with (
        traced() as timeline,
        zif.load(parser.parse_model(TEXT), cache=False, only="reference", isolate=True) as session,
    ):
        session.run(FEED)
    (ran,) = [span for span in timeline.spans if span.name == "run in worker"]
    (segment,) = [span for span in timeline.spans if span.kind == "segment"]
    assert ran.track == f"worker {ran.told['pid']}"
    assert inside(ran, segment)


def test_buckets_are_of_one_timeline() -> None:
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2, n] x) => (float[2, n] y) { y = Relu(x) }'
    wishes: Any = {"only": "reference", "shapes": {"n": ((4, 8),)}, "cache": False}
    with zif.load(parser.parse_model(text), **wishes) as session, session.trace() as timeline:
        session.run(FEED)
    assert kinds(timeline).count("segment") >= 1
    assert "reference (hardware)" in {span.track for span in timeline.spans}


def test_chromes_json_has_every_span(session: zif.Session, tmp_path: Path) -> None:
    with session.trace() as timeline:
        session.run(FEED)
    document = json.loads(timeline.save(tmp_path / "run.json").read_text(encoding="utf-8"))
    events = [event for event in document["traceEvents"] if event["ph"] == "X"]
    assert [(one["name"], one["cat"]) for one in events] == [(span.name, span.kind) for span in timeline.spans]
    for event, span in zip(events, timeline.spans, strict=True):
        assert event["ts"] == span.start / 1e3
        assert event["dur"] == pytest.approx((span.end - span.start) / 1e3)
    rows = {one["tid"]: one["args"]["name"] for one in document["traceEvents"] if one["name"] == "thread_name"}
    assert {rows[event["tid"]] for event in events} >= {"reference (hardware)", "qnn_cpu (hardware)"}


def test_perfettos_own_format_nests_slices_on_tracks(session: zif.Session, tmp_path: Path) -> None:
    messages = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    with session.trace() as timeline:
        session.run(FEED)
    trace = messages.Trace.FromString(timeline.save(tmp_path / "run.pftrace").read_bytes())
    names = {
        one.track_descriptor.uuid: one.track_descriptor.name for one in trace.packet if one.HasField("track_descriptor")
    }
    open_slices: dict[int, list[str]] = {}
    seen, last = [], 0
    for packet in trace.packet:
        if not packet.HasField("track_event"):
            continue
        assert packet.timestamp >= last
        last, event = packet.timestamp, packet.track_event
        stack = open_slices.setdefault(event.track_uuid, [])
        if event.type == messages.TrackEvent.TYPE_SLICE_BEGIN:
            stack.append(event.name)
            seen.append((names[event.track_uuid], event.name))
        else:
            stack.pop()
    assert not any(open_slices.values())
    assert sorted(name for _, name in seen) == sorted(span.name for span in timeline.spans)
    assert ("reference (hardware)", "segment 0") in seen


def test_without_perfettos_library_one_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "perfetto.protos.perfetto.trace", None)
    with pytest.raises(UsageError, match=r"pip install 'perfetto.*\.json takes none"):
        Timeline().save(tmp_path / "run.pftrace")
    assert Timeline().save(tmp_path / "run.json").exists()
    with pytest.raises(UsageError, match=r"ends in one of \.pftrace"):
        Timeline().save(tmp_path / "run.txt")


def test_a_host_with_opentelemetry_gets_the_same_spans(session: zif.Session) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):  # may be set once in a process
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with trace.get_tracer("host").start_as_current_span("request"), session.trace() as timeline:
        session.run(FEED)
    made = {span.name: span for span in exporter.get_finished_spans()}
    assert sorted(name for name in made if name != "request") == sorted({span.name for span in timeline.spans})
    whole = made["run g"]
    assert whole.parent.span_id == made["request"].context.span_id
    assert made["segment 0"].parent.span_id == whole.context.span_id
    assert made["segment 0"].attributes["zif.backend"] == "reference"
    assert whole.start_time <= made["segment 0"].start_time <= made["segment 0"].end_time <= whole.end_time
