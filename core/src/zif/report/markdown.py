"""The difference of two plans in markdown, for a comment under a change or a summary in CI."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zif.files.wording import printable
from zif.report.sheets import Sheet, headline, outcome, sheets

if TYPE_CHECKING:
    from zif.planning.changes.difference import PlanDiff

#: Columns that name things of the model, which are set in code font.
_CODE = frozenset({"such as", "which"})


def diff_markdown(difference: PlanDiff) -> str:
    """The page, in the markdown of GitHub and GitLab."""
    lines = ["## Plan: " + _text(headline(difference))]
    if difference.same:
        return "\n\n".join([*lines, "The plans are the same."]) + "\n"
    lines += [f"**{_text(line)}**" for line in outcome(difference)]
    for sheet in sheets(difference):
        lines += [f"### {_text(sheet.title)}"] if sheet.title else []
        lines.append(_table(sheet))
        lines += [_text(sheet.more)] if sheet.more else []
    return "\n\n".join(lines) + "\n"


def _table(sheet: Sheet) -> str:
    rule = ["---:" if name in sheet.right else "---" for name in sheet.columns]
    rows = [[_cell(name, cell) for name, cell in zip(sheet.columns, row, strict=True)] for row in sheet.rows]
    return "\n".join(map(_line, [list(sheet.columns), rule, *rows]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(column: str, text: str) -> str:
    if column not in _CODE:
        return _text(text)
    # A backtick would end the code; a bar would end the cell even in code.
    return f"`{_flat(text).replace('`', '’').replace('|', chr(92) + '|')}`"


def _text(text: str) -> str:
    """Text in which nothing is markup, since names and reasons come from files and libraries."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", _flat(text))


def _flat(text: str) -> str:
    return printable(" ".join(text.split()))
