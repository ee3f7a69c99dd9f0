from __future__ import annotations

from pathlib import Path

import pytest
from zif_qnn_runtime import gpu_operators, memory


@pytest.fixture
def gpu_library() -> None:
    """Skip, with the library's own sentence, where libQnnGpu cannot be asked about operators."""
    found = gpu_operators()
    if not found.available:
        pytest.skip(found.reason)


@pytest.fixture(autouse=True)
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Answers of the library are kept in a folder of the test's own."""
    folder = tmp_path / "answers"
    monkeypatch.setattr(memory, "root", lambda: folder)
    return folder
