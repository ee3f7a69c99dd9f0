"""An ONNX model as units, tensors, sizes and MACs; loading, slicing and hashing it without touching its weights.

What may come in: what can be said of a model by itself, without any backend; of its tensors' scales and zero points,
too, which stand in it or in a file beside it (`encodings`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zif.model.model import Model, load
    from zif.model.units import Unit

__all__ = ["Model", "Unit", "load"]
_HOMES = {"Model": "zif.model.model", "load": "zif.model.model", "Unit": "zif.model.units"}


def __getattr__(name: str) -> Any:
    """Imported when it is first used: a session that is there at once needs types of values, and no units."""
    if name not in _HOMES:
        raise AttributeError(f"module 'zif.model' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_HOMES[name]), name)
    return value
