"""Spans in Chrome's JSON, which takes no library: complete events, in microseconds, a row per thread or track."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from zif.backends.timeline import Span
from zif.files.wording import json_text


def chrome(spans: Sequence[Span]) -> bytes:
    """The document, as UTF-8."""
    process, rows = os.getpid(), rows_of(spans)
    named = [_named(process, number, name) for name, number in rows.items()]
    first = {"ph": "M", "pid": process, "name": "process_name", "args": {"name": "zif"}}
    events = [first, *named, *(_event(span, process, rows) for span in spans)]
    return json_text({"displayTimeUnit": "ms", "traceEvents": events}).encode()


def rows_of(spans: Iterable[Span]) -> dict[str, int]:
    """The rows by name: each thread's own, then processors and workers, numbered from 1."""
    ordered = sorted(spans, key=lambda span: (bool(span.track), span.start))
    return {name: number for number, name in enumerate(dict.fromkeys(map(row, ordered)), 1)}


def row(span: Span) -> str:
    """The row that a span stands on: two threads on one processor have one each, as their spans may overlap."""
    if span.track:
        return f"{span.track} · {span.thread_name}" if span.thread_name != "MainThread" else span.track
    return f"{span.thread_name} ({span.thread})"


def told(span: Span) -> dict[str, Any]:
    """What else is known of a span."""
    return {"kind": span.kind, "session": span.session, "thread": span.thread_name, **span.told}


def _named(process: int, number: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": process, "tid": number, "name": "thread_name", "args": {"name": name}}


def _event(span: Span, process: int, rows: dict[str, int]) -> dict[str, Any]:
    times = {"ts": span.start / 1e3, "dur": (span.end - span.start) / 1e3}
    where = {"pid": process, "tid": rows[row(span)]}
    return {"ph": "X", "name": span.name, "cat": span.kind, **times, **where, "args": told(span)}
