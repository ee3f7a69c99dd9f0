"""A sweep, or two side by side, as markdown for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from zif.plugin import duration, listed, things

from zif_sweep.difference import Change, loss_shown, shown

if TYPE_CHECKING:
    from zif_sweep.run import Outcome

#: Rows of a table; what is beyond is counted.
_MOST = 30


def of_sweep(outcome: Outcome) -> str:
    """What a sweep came to: counts, the fastest chip of each model, and failures."""
    states = Counter(row.state for row in outcome.rows)
    head = f"### Sweep: {things(len(outcome.rows), 'cell')}, {states.get('failed', 0)} failed\n"
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for row in outcome.rows:
        us = row.measured_us or row.latency_us
        if us is not None:
            best[row.model, row.precision] = min(
                best.get((row.model, row.precision), (us, row.target)), (us, row.target)
            )
    rows = [[model, precision, target, duration(us)] for (model, precision), (us, target) in sorted(best.items())]
    parts = [head, _table(("model", "precision", "fastest chip", "latency"), rows)]
    failed = [[*row.place, row.reason] for row in outcome.failed]
    if failed:
        parts.append(_table(("failed", "target", "precision", "stage", "reason"), failed))
    return "\n".join(parts)


def of_changes(found: Sequence[Change]) -> str:
    """What differs between two sweeps."""
    counts = Counter(one.word for one in found)
    words = [f"{counts[word]} {word}" for word in ("worse", "better", "new", "gone") if counts[word]]
    head = f"### Sweep: {', '.join(words) or 'nothing changed'}\n"
    rows = [
        [one.word, one.model, one.target, one.precision, one.stage, one.figure, *_figures(one)]
        for one in found
        if one.word in ("worse", "better")
    ]
    parts = [head]
    if rows:
        parts.append(_table(("", "model", "target", "precision", "stage", "figure", "before", "now", "change"), rows))
    for word in ("new", "gone"):
        places = [f"{one.model} on {one.target} in {one.precision} ({one.stage})" for one in found if one.word == word]
        if places:
            parts.append(f"{word}: {_plain(listed(places, 8))}\n")
    return "\n".join(parts)


def _figures(one: Change) -> list[str]:
    if one.figure == "state":
        return ["", one.told, ""]
    return [shown(one.figure, one.old), shown(one.figure, one.new), loss_shown(one)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_line(columns), _line("---" for _ in columns), *(_line(row) for row in rows[:_MOST])]
    more = f"\n… and {len(rows) - _MOST} rows beyond\n" if len(rows) > _MOST else ""
    return "\n".join(lines) + "\n" + more


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    """Text of a stranger's in a cell: nothing of it is markup."""
    return "".join(f"\\{char}" if char in "\\|`*_[]<>#" else " " if char in "\r\n" else char for char in text)
