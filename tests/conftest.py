"""For all tests: a model of the zoo that cannot be fetched, or a version that is not installed, is a reason to skip."""

from __future__ import annotations

import os
from collections.abc import Generator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest
from packaging.requirements import Requirement
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
    """Skip a test marked `needs("onnx>=1.20")` where that is not installed: the ranges of zif are wider."""
    for mark in item.iter_markers("needs"):
        for text in mark.args:
            wanted = Requirement(text)
            try:
                there = wanted.specifier.contains(version(wanted.name), prereleases=True)
            except PackageNotFoundError:
                there = False
            if not there:
                pytest.skip(f"needs {text}")
