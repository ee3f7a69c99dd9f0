"""`zif plan --diff`: two saved plans side by side, as tables, markdown or JSON, and whether the new one is worse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from zif.cli.views import terminal
from zif.errors import UsageError
from zif.files.documents import read_json

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.planning.changes.difference import PlanDiff

_WRITES_ONE = "`zif plan MODEL --json > plan.json` writes one"

#: Loss that is forgiven unless the caller says otherwise.
DEFAULT = 0.05


def compare(files: tuple[Path, Path], threshold: str | None, as_json: bool, markdown: bool) -> int:
    """Print the difference. Returns 1 when a figure got worse by more than the threshold, else 0. Raises UsageError."""
    from zif.planning.changes.difference import diff

    old, new = map(read_plan, files)
    allowed = _share(threshold) if threshold else (DEFAULT if old.target == new.target else None)
    change = diff(old, new, allowed)
    if as_json:
        terminal.document("plan-diff", change.to_json())
    elif markdown:
        from zif.report.markdown import diff_markdown

        terminal.page(diff_markdown(change).rstrip())
    else:
        show(change)
    return 1 if change.regressions else 0


def read_plan(path: Path) -> Plan:
    """A plan that `zif plan --json` wrote. Raises UsageError for anything else, and says what it is."""
    from zif.planning import Plan

    try:
        data = read_json(path, UsageError)
    except UsageError as error:
        raise UsageError(f"{error}; {_WRITES_ONE}") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != "zif.plan/1":
        what = f"a {schema} document" if isinstance(schema, str) else "JSON without a zif schema"
        raise UsageError(f"{path} is {what}, not a plan (zif.plan/1); {_WRITES_ONE}")
    return Plan.from_json(data, f"{path} cannot be read as a plan", UsageError)


def _share(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if match is None:
        raise UsageError(f"--threshold {text}: write a percentage, such as 5%")
    return float(match[1]) / 100


def show(difference: PlanDiff) -> None:
    """Print the difference as tables."""
    from zif.report.sheets import headline, outcome, sheets

    terminal.say(headline(difference), style="bold")
    if difference.same:
        terminal.say("The plans are the same.")
        return
    narrow = terminal.width() < 100
    for sheet in sheets(difference):
        dropped = {"such as", "operators"} if narrow else set()
        kept = [i for i, name in enumerate(sheet.columns) if name not in dropped]
        columns = [sheet.columns[i] for i in kept]
        terminal.table(sheet.title, columns, [[row[i] for i in kept] for row in sheet.rows], right=sheet.right)
        if sheet.more:
            terminal.say(sheet.more)
    for line in outcome(difference):
        terminal.say(line, style="bold red" if difference.regressions else None)
