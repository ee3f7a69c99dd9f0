"""What is known of a plugin's trial, and having those tried that nobody has tried yet."""

from __future__ import annotations

from collections.abc import Iterable

from zif.files.trials.content import digest
from zif.files.trials.keeping import Outcome
from zif.files.trials.known import exempt, forget, looked_up, remember
from zif.records import Installed

__all__ = ["exempt", "forget", "outcome", "prepare"]


def outcome(row: Installed) -> Outcome:
    """What came of the plugin's trial; it is tried now where nobody has yet."""
    if row.environment or exempt(row.name):
        return Outcome("fine")
    content = _content(row)
    known = looked_up(content)
    if known is None:
        from zif.backends.trials.running import try_plugin

        known = try_plugin(row)
        remember(content, known)
    return known


def prepare(rows: Iterable[Installed]) -> None:
    """Have all of them tried, at once, that nobody has tried yet."""
    contents = {_content(row): row for row in rows if not (row.problem or row.environment or exempt(row.name))}
    new = {content: row for content, row in contents.items() if looked_up(content) is None}
    if new:
        from zif.backends.trials.running import every

        every(new, remember)


def _content(row: Installed) -> str:
    return digest(str(row), row.module)
