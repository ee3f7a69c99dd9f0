"""The list of ONNX Runtime's own tests is whole, each that applies has its like here, and the page counts right."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from dropin import theirs

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "onnxruntime.md").read_text(encoding="utf-8")
SOURCES = {
    file.name: file.read_text(encoding="utf-8") for file in HERE.glob("test_*.py") if file.name != "test_theirs.py"
}


def test_each_that_applies_has_its_like() -> None:
    assert len(theirs.HELD) == len(set(theirs.HELD))
    assert not set(theirs.HELD) & set(theirs.NOT_APPLICABLE)
    assert set(theirs.IN_PART) <= set(theirs.HELD)
    named = {name for text in SOURCES.values() for name in re.findall(r"test_\w+", text)}
    assert [name for name in theirs.HELD if name not in named] == []


def test_the_page_counts_them() -> None:
    reasons = Counter(theirs.NOT_APPLICABLE.values())
    found = re.search(
        r"`TestInferenceSession`, (\d+) tests.*?(\d+) apply, (\d+) of\s+them in part.*?(\d+) do not", PAGE, re.DOTALL
    )
    assert found is not None
    held, left = len(theirs.HELD), len(theirs.NOT_APPLICABLE)
    assert [int(number) for number in found.groups()] == [held + left, held, len(theirs.IN_PART), left]
    assert f"{reasons[theirs.CUDA]} do nothing without a GPU" in " ".join(PAGE.split())
    assert f"{reasons[theirs.OPTIMIZED]} are of optimized models" in " ".join(PAGE.split())
