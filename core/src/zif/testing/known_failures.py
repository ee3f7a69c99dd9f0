"""Known failures: a debt that the author owns up to, each with a reason, in the author's own pyproject.toml."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import field, frozen

from zif.errors import UsageError
from zif.files.documents import named, read_table
from zif.files.opening import missing


@frozen
class Known:
    """Patterns over test ids, each with its reason; `used` remembers which ones matched a test."""

    reasons: Mapping[str, str]
    used: set[str] = field(factory=set)

    def reason(self, test: str) -> str | None:
        """Why this test is known to fail; None when it is not."""
        for pattern, reason in self.reasons.items():
            if fnmatchcase(test, pattern.replace("[[]", "[").replace("[", "[[]")):  # brackets are part of a test's name
                self.used.add(pattern)
                if reason.strip():
                    return reason
        return None

    def stale(self) -> list[str]:
        """Entries that match no test or give no reason."""
        return [name for name, reason in self.reasons.items() if name not in self.used or not reason.strip()]


def read_known(path: Path, backend: str) -> Known:
    """The table `[tool.zif.check.known-failures]`, or `.known-failures.BACKEND` where a project has several backends.

    Raises UsageError for a file that is no TOML or a reason that is no text.
    """
    if missing(path):
        return Known({})
    table = read_table(path, UsageError, finite=False)  # a project's own: what else stands in it is not ours to judge
    for key in ("tool", "zif", "check", "known-failures"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {key} must be a table, not {named(table)}")
    table = table.get(backend, table) if isinstance(table.get(backend), dict) else table
    for name, reason in table.items():
        if not isinstance(reason, (str, dict)):
            raise UsageError(f"{path}: the reason of known failure {name!r} must be text")
    return Known({name: reason for name, reason in table.items() if isinstance(reason, str)})
