"""The blocks of a page that a reader would type: shell lines, Python, files; and why some are not run.

A comment `<!-- not run: reason -->` before a block keeps it from being run. A fenced block after a line that begins
with a file's name in backquotes and ends in a colon is that file. `# exit 1` at the end of a line: so it ends, or may.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

_REASON = re.compile(r"<!-- not run: (.+?) -->")
_FILE = re.compile(r"^`([^`]+)`[^`]*:$")
_COMMENT = re.compile(r"(?:^|\s)\s*#\s.*$")
#: What a line of an indented block begins with where the block is for a shell.
_SHELL = re.compile(r"^(\$ |zif\b|make\b|pip\b|python3? |source |[A-Z_]+=\S+ )")
SHELLS = ("console", "bash", "sh")


@frozen
class Line:
    """A line for a shell. codes: how it may end."""

    text: str
    codes: frozenset[int]
    comment: str = ""


@frozen
class Block:
    """One block. kind: "shell", "python", "file" or whatever the fence says; name: of the file."""

    kind: str
    text: str
    number: int
    reason: str = ""
    name: str = ""

    @property
    def lines(self) -> list[Line]:
        """The lines of a shell block that are typed: those after "$ " where there are such, else all."""
        rows = [line.strip() for line in self.text.splitlines() if line.strip()]
        typed = [row[2:] for row in rows if row.startswith("$ ")] or [row for row in rows if not row.startswith("#")]
        return [_line(row) for row in typed]


def _line(row: str) -> Line:
    found = _COMMENT.search(row)
    comment = found[0].strip() if found else ""
    codes = {int(code) for code in re.findall(r"exit (?:code )?(\d)", comment)}
    sure = re.fullmatch(r"#\s*exit \d", comment) is not None
    return Line(row[: found.start()] if found else row, frozenset(codes if sure else codes | {0}), comment)


def blocks(page: Path) -> Iterator[Block]:
    """Every block of a page in its order, indented ones for a shell among them."""
    lines = page.read_text(encoding="utf-8").splitlines()
    reason, before, at = "", "", 0
    while at < len(lines):
        line = lines[at]
        fence = re.match(r"^```(\w*)$", line)
        if fence:
            end = lines.index("```", at + 1)
            kind = "shell" if fence[1] in SHELLS else fence[1]
            named = _FILE.match(before)
            text = "\n".join(lines[at + 1 : end]) + "\n"
            yield Block("file" if named else kind, text, at + 1, reason, named[1] if named else "")
            reason, before, at = "", "", end + 1
            continue
        if line.startswith("    ") and not before.startswith(("-", "    ")) and _SHELL.match(line.strip()):
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            yield Block("shell", "\n".join(lines[at:end]), at + 1, reason)
            reason, before, at = "", "", end
            continue
        found = _REASON.search(line)
        if found:
            reason = found[1]
        elif line.strip():
            reason, before = "", line
        at += 1


def table_lines(page: Path, row: str) -> list[tuple[str, ...]]:
    """The rows of a page's tables that match a pattern, by its groups; \\| in a cell is |."""
    found = [re.match(row, line) for line in page.read_text(encoding="utf-8").splitlines()]
    return [tuple(group.replace("\\|", "|") for group in one.groups()) for one in found if one]
