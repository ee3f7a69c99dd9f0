"""What is known of a plugin's trial, and having those tried that nobody has tried yet."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable

from zif.backends.deadline import deadline
from zif.backends.trials.content import digest
from zif.backends.trials.keeping import Outcome, forget_broken, keep, kept
from zif.records import Installed

#: Environment variable: backends, with commas between them, that are imported here without a trial; or "all".
ENVIRONMENT = "ZIF_IN_PROCESS"

_known: dict[str, Outcome] = {}
_lock = threading.Lock()


def exempt(name: str) -> bool:
    """Whether the host asks for this backend in its own process, whatever comes of it."""
    names = [word.strip() for word in os.environ.get(ENVIRONMENT, "").split(",")]
    return "all" in names or name in names


def outcome(row: Installed) -> Outcome:
    """What came of the plugin's trial; it is tried now where nobody has yet."""
    if row.environment or exempt(row.name):
        return Outcome("fine")
    content = digest(row)
    known = _looked_up(content)
    if known is None:
        from zif.backends.trials.doing import one

        known = one(row)
        _remember(content, known)
    return known


def prepare(rows: Iterable[Installed]) -> None:
    """Have all of them tried, at once, that nobody has tried yet."""
    contents = {digest(row): row for row in rows if not (row.problem or row.environment or exempt(row.name))}
    new = {content: row for content, row in contents.items() if _looked_up(content) is None}
    if new:
        from zif.backends.trials.doing import every

        every(new, _remember)


def forget() -> None:
    """Forget who ended or hung a process, so that it is tried again."""
    forget_broken()
    with _lock:
        for content in [content for content, one in _known.items() if one.state == "broken"]:
            del _known[content]


def _looked_up(content: str) -> Outcome | None:
    with _lock:
        known = _known.get(content)
    if known is None:
        known = kept(content, deadline())
        if known is not None:
            with _lock:
                _known[content] = known
    return known


def _remember(content: str, found: Outcome) -> None:
    keep(content, found)
    with _lock:
        _known[content] = found
