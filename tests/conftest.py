"""For all tests: a model of the zoo that cannot be fetched, or a version that is not installed, is a reason to skip."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from typing import Any

import pytest
from lacking import lacking
from zoo import ZooUnavailable

# A backend that is slow to answer on a busy machine is not a broken one.
os.environ.setdefault("ZIF_DEADLINE", "60")


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    try:
        return (yield)
    except ZooUnavailable as reason:
        pytest.skip(str(reason))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: Any) -> Generator[None, Any, Any]:
    try:
        return (yield)
    except ZooUnavailable as reason:
        pytest.skip(str(reason))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose `needs` marks ask for what is not installed (see lacking.py)."""
    for mark in item.iter_markers("needs"):
        if said := lacking(*mark.args, **mark.kwargs):
            pytest.skip("; ".join(said))


@pytest.fixture(autouse=True)
def _no_lessons(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test finds wrong on a backend must not be known to the next one, nor to the user's own zif."""
    place = tmp_path_factory.getbasetemp() / "no lessons" / secrets.token_hex(8)
    monkeypatch.setattr("zif.verdicts.learned.folder", lambda: place)
