"""SECURITY.md names a test for each promise, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_promise_names_tests_that_are_there() -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    table = page.split("## Not trusted")[1].split("## Known gaps")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| what |", "|---"))]
    assert len(rows) >= 9
    for row in rows:
        named = re.findall(r"`(tests/[\w/.]+)`", row)
        assert named, row
        for path in named:
            assert (ROOT / path).exists(), path
