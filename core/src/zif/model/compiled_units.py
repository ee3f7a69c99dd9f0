"""The units of a model that were compiled elsewhere, and why nothing can be held against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.files.wording import listed
from zif.model.contexts import is_context

if TYPE_CHECKING:
    from zif.model.model import Model


def units(model: Model) -> list[str]:
    """The ids of the units that were compiled elsewhere."""
    return [unit.id for unit in model.units if is_context(unit.op_type, unit.domain)]


def elsewhere(model: Model) -> str:
    """Why nothing can be held against a model: parts of it are compiled; "" for one that is wholly ONNX."""
    compiled = units(model)
    if not compiled:
        return ""
    return f"compiled elsewhere: {listed(compiled, 3)} (EPContext) has no ONNX operators to be held against"
