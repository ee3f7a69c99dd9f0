"""Cases that were bad once, small, and kept: `tests/fuzz` runs all of them."""

from __future__ import annotations

import json
from pathlib import Path

from tools.fuzz.world import Case

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "fuzz" / "corpus"


def kept() -> list[Path]:
    """The files of the corpus."""
    return sorted(CORPUS.glob("*.json"))


def read(path: Path) -> Case:
    """The case in a file."""
    return Case.read(json.loads(path.read_text(encoding="utf-8"))["case"])


def write(path: Path, case: Case, why: str) -> None:
    """Keep a case; `why` says what was bad."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"why": why, "case": case.document()}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
