"""The page that answers "why did this node go to the CPU": its path exists and is one, its order is the code's."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from zif.verdicts.settle import ORDER

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "why.md").read_text(encoding="utf-8")
SOURCE = ROOT / "core" / "src"


def path() -> list[Path]:
    section = PAGE[PAGE.index("## The path to read") :]
    return [ROOT / name for name in re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)]


def test_the_path_is_at_most_twelve_files_of_core_that_exist() -> None:
    assert 0 < len(path()) == len(set(path())) <= 12
    assert [file for file in path() if not file.is_file()] == []
    assert [file for file in path() if SOURCE not in file.parents] == []


def test_each_file_is_reached_from_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whoever reads on is led there by the code."""
    monkeypatch.syspath_prepend(ROOT)
    sys.modules.pop("tools.house", None)
    from tools.house import imports

    reached: set[Path] = set()
    for number, file in enumerate(path()):
        assert number == 0 or file in reached, file.name
        for name, _ in imports(file):
            parts = name.split(".")
            reached |= {SOURCE.joinpath(*parts).with_suffix(".py"), SOURCE.joinpath(*parts[:-1]).with_suffix(".py")}


def test_the_order_on_the_page_is_the_codes() -> None:
    section = PAGE[PAGE.index("## Who is heard") : PAGE.index("## The path to read")]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == [authority.name for authority in ORDER]
