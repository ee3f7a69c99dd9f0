"""The real ONNX Runtime, where it is installed: for names that zif's has not, and for its list of providers."""

from __future__ import annotations

import importlib
from contextlib import suppress
from functools import lru_cache
from types import ModuleType

NAME = "onnxruntime"


@lru_cache(maxsize=1)
def real() -> ModuleType | None:
    """The real package; None without one that can be imported."""
    with suppress(Exception):  # an engine that cannot be loaded is none
        return importlib.import_module(NAME)
    return None


def submodule(name: str) -> ModuleType:
    """The real module of this name below it. Raises ImportError."""
    return importlib.import_module(f"{NAME}.{name}" if name else NAME)
