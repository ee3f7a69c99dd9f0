"""What cannot be imported of all that distributions bring beside backends, for `zif doctor`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from zif.backends.extensions import (
    COMMANDS,
    CONTEXT_FITS,
    EXPORTERS,
    FITS,
    FORMS,
    FRONTENDS,
    TYPES,
    VERBS,
    asking,
    died,
)
from zif.files.entrypoints import Point, points
from zif.files.trials.importing import tried

#: What an entry point of each group is, as `zif doctor` calls it. Backends and checks have rows of their own there.
_WORDS = {
    COMMANDS: "command",
    VERBS: "verb",
    EXPORTERS: "exporter",
    FRONTENDS: "frontend",
    FORMS: "ONNX form of",
    FITS: "judge of",
    CONTEXT_FITS: "judge of EPContext nodes of",
    TYPES: "operator types of",
}


def broken() -> list[tuple[str, str, str]]:
    """What it is, why, and its distribution."""
    every = [(word, point) for group, word in _WORDS.items() for point in points(group)]
    with ThreadPoolExecutor(4) as threads:
        return [row for row in threads.map(_judged, every) if row]


def _judged(row: tuple[str, Point]) -> tuple[str, str, str] | None:
    word, point = row
    why = died(point.value, point.group)
    if not why and (said := tried(point.value, asking(point.group)).reason):
        why = f"cannot be imported: {said}"
    return (f"{word} {point.name}", f"{point.owner} {why}", point.owner) if why else None
