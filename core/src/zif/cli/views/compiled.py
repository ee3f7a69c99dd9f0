"""What `zif compile` says to a reader: the segments by target, what happened while they were built, and the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zif.cli.views.terminal import say, table

_Labelled = Sequence[tuple[str, list[dict[str, Any]]]]


def show(document: dict[str, Any]) -> None:
    """A table, and sentences."""
    from zif.files.wording import size, things

    buckets = document["buckets"]
    labels = [(bucket["label"], bucket["targets"]) for bucket in buckets]
    labels.append(("real shape" if buckets else "", document["targets"]))
    _segments(labels, bool(buckets))
    for label, targets in labels:
        for row in targets:
            _tell(f"{label}: " if label else "", row)
    for bucket in buckets:
        masks = f", behind {things(bucket['masks'], 'mask')}" if bucket["masks"] else ""
        say(f"{bucket['label']}: {bucket['refused'] or 'inputs that are smaller are padded'}{masks}")
    if document["quantized"]:
        _quantized(document["quantized"])
    files = document["files"]
    told = f"{things(len(files), 'file')}, {size(sum(files.values()))}"
    say(f"{document['bundle']}: {told}; `zif run {document['bundle']}` runs it")


def _segments(labels: _Labelled, several: bool) -> None:
    from zif.cli.views.plan import KIND_STYLE

    rows = [
        [
            *((label,) if several else ()),
            row["target"],
            segment["id"],
            (segment["backend"], "bold"),
            (segment["label"] or segment["kind"], KIND_STYLE[segment["kind"]]),
            segment["units"],
        ]
        for label, targets in labels
        for row in targets
        for segment in row["segments"]
    ]
    columns = ("target", "segment", "backend", "kind", "units")
    table("", ("bucket", *columns) if several else columns, rows, right=("segment", "units"))


def _quantized(quantized: dict[str, Any]) -> None:
    from zif.cli.views.compare import told_db

    told = ", ".join(f"{name} {told_db(db)}" for name, db in quantized["sqnr_db"].items())
    whose = " and ".join(quantized["rules"])
    rules = f" by the rules of {whose}" if whose else ""
    say(f"quantized to {quantized['precision']}{rules}" + (f": SQNR of {told}" if told else ""))


def _tell(label: str, row: dict[str, Any]) -> None:
    """What happened while a target's segments were built."""
    from zif.cli.views.verification import sentence

    for event in row["events"]:
        say(f"{label}{row['target']}: {event['kind']} ({event['backend']}): {event['text']}")
    for note in row["notes"]:
        say(f"{label}{row['target']}: note: {note}")
    if row["verification"] and row["verification"]["segments"]:
        say(f"{label}{row['target']}: {sentence(row['verification'])}")
