"""Measured beats estimated: time a session, keep what was measured, let the next plan use it."""

from __future__ import annotations

from zif.profiling.measure import measure
from zif.profiling.profile import BackendProfile, Profile, SegmentProfile, Stats, Suggestion, UnitTime

__all__ = ["BackendProfile", "Profile", "SegmentProfile", "Stats", "Suggestion", "UnitTime", "measure"]
