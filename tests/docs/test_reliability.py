"""docs/reliability.md: its campaigns and faults are those that there are, and its counters add up."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the campaign runs on Linux", allow_module_level=True)

from tools.fuzz.campaigns import CAMPAIGNS
from tools.fuzz.corpus import kept
from tools.fuzz.faults import COMMANDS, FAULTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([\w-]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)


def test_every_campaign_and_fault_is_there() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [*CAMPAIGNS]
    assert {name for name, *_ in ROWS} == {*CAMPAIGNS, *FAULTS, *COMMANDS}


def test_the_counters_add_up() -> None:
    for name, *words in ROWS:
        tried, right, typed, bad = (int(word.replace(",", "")) for word in words)
        assert tried == right + typed + bad, name


def test_what_it_says_of_the_corpus_and_ci_holds() -> None:
    assert len(kept()) > 5
    assert "make fuzz COUNT=50" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for variable in re.findall(r"([A-Z]+)=", PAGE.split("A case is")[0]):
        assert f"$({variable})" in makefile, variable
