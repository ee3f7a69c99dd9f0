from __future__ import annotations

from pathlib import Path

import pytest
import zif
from zif import Target
from zif_qnn_runtime import memory, status


@pytest.fixture
def htp() -> None:
    """Skip, with the library's own sentence, where the HTP library cannot run."""
    found = status("htp")
    if not found.available:
        pytest.skip(found.reason)


@pytest.fixture
def chip() -> Target:
    """A chip with fp16: Hexagon v75."""
    return zif.target("snapdragon-8-gen-3")


@pytest.fixture(autouse=True)
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Answers of the compiler are kept in a folder of the test's own."""
    folder = tmp_path / "answers"
    monkeypatch.setattr(memory, "root", lambda: folder)
    return folder
