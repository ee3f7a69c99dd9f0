"""Measured beats estimated: time a session, keep what was measured, let the next plan use it."""

from __future__ import annotations

from zif.evaluation.profiling.measurement import measure
from zif.evaluation.profiling.memory import MemoryProfile, Resident
from zif.evaluation.profiling.profile import (
    BackendProfile,
    NodeRow,
    Profile,
    SegmentProfile,
    Stats,
    Suggestion,
    UnitTime,
)

__all__ = [
    "BackendProfile",
    "MemoryProfile",
    "NodeRow",
    "Profile",
    "Resident",
    "SegmentProfile",
    "Stats",
    "Suggestion",
    "UnitTime",
    "measure",
]
