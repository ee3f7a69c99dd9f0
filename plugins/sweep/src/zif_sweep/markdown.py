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
    lines = [head, _table(("model", "precision", "fastest chip", "latency"), rows)]
    failed = [[*row.place, row.reason] for row in outcome.failed]
    if failed:
        lines.append(_table(("failed", "target", "precision", "stage", "reason"), failed))
    return "\n".join(lines)


def of_changes(changes: Sequence[Change]) -> str:
    """What differs between two sweeps."""
    counts = Counter(change.word for change in changes)
    words = [f"{counts[word]} {word}" for word in ("worse", "better", "new", "gone") if counts[word]]
    head = f"### Sweep: {', '.join(words) or 'nothing changed'}\n"
    rows = [
        [change.word, change.model, change.target, change.precision, change.stage, change.figure, *_figures(change)]
        for change in changes
        if change.word in ("worse", "better")
    ]
    lines = [head]
    if rows:
        lines.append(_table(("", "model", "target", "precision", "stage", "figure", "before", "now", "change"), rows))
    for word in ("new", "gone"):
        places = [
            f"{change.model} on {change.target} in {change.precision} ({change.stage})"
            for change in changes
            if change.word == word
        ]
        if places:
            lines.append(f"{word}: {_plain(listed(places, 8))}\n")
    return "\n".join(lines)


def _figures(change: Change) -> list[str]:
    if change.figure == "state":
        return ["", change.told, ""]
    return [shown(change.figure, change.old), shown(change.figure, change.new), loss_shown(change)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_line(columns), _line("---" for _ in columns), *(_line(row) for row in rows[:_MOST])]
    more = f"\n… and {len(rows) - _MOST} rows beyond\n" if len(rows) > _MOST else ""
    return "\n".join(lines) + "\n" + more


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    """Text of a stranger's in a cell: nothing of it is markup."""
    return "".join(f"\\{char}" if char in "\\|`*_[]<>#" else " " if char in "\r\n" else char for char in text)
