"""How long each unit takes, where a backend can tell: an optional ability of executables, apart from running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from zif.records import Arrays


@runtime_checkable
class SupportsUnitTimes(Protocol):
    """An executable that can time its parts.

    `unit_times` runs `runs` times on these inputs, with instruments that an ordinary run does without, and gives each
    part's median time in microseconds, by the name of the unit or of its output where the part is one; whatever else
    the engine does (reordering data, say) stands under a name of its own.
    """

    def unit_times(self, inputs: Arrays, runs: int) -> Mapping[str, float]: ...


__all__ = ["SupportsUnitTimes"]
