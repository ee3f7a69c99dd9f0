"""Fixtures of the model's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no-deadline", deadline=None, max_examples=60)
settings.load_profile("no-deadline")


@pytest.fixture
def shared() -> Path:
    """The folder of measured data beside the repository, or ZIF_SHARED."""
    folder = Path(os.environ.get("ZIF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: set ZIF_SHARED")
    return folder
