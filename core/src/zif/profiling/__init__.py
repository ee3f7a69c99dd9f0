"""Measured beats estimated: time a session, keep what was measured, let the next plan use it."""

from __future__ import annotations

from zif.profiling.measure import Profile, SegmentProfile, Stats, measure

__all__ = ["Profile", "SegmentProfile", "Stats", "measure"]
