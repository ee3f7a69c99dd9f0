"""The drop-in as a host imports it, everything said anew in each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from zif.runtime.dropin import settings, warn


@pytest.fixture
def ort() -> Iterator[Any]:
    """`import zif.ort as onnxruntime`."""
    import zif.ort as onnxruntime

    settings.reset()
    warn.forget()
    yield onnxruntime
    settings.reset()


@pytest.fixture
def session(ort: Any) -> Any:
    """A session on Y = X · W."""
    from dropin.small_models import product

    return ort.InferenceSession(product().SerializeToString(), providers=["CPUExecutionProvider"])
