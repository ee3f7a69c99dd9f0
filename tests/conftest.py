"""For all tests: a model of the zoo that cannot be fetched is a reason to skip, told in the summary."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
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
