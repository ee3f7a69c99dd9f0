"""A site of fake plugins per test, and small models on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")
