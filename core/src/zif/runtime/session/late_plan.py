"""A plan that is told when somebody asks for it: its records take longer to import than a small model takes to open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from zif.planning import Plan
    from zif.records import TensorInfo


@frozen(eq=False)
class LatePlan:
    """What a session needs of a plan at once, and what makes the rest."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    make: Callable[[], Plan]
