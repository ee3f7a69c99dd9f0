"""One model for inputs of many sizes where a processor takes fixed ones: a plan and an artifact per bucket.

What may come in: which sizes are built, what fills an input up to them, and whether that may be. A bucket is a whole
model of fixed shapes, planned, built and verified as any other.
"""

from __future__ import annotations

from zif.runtime.buckets.grid import Axis, Grid
from zif.runtime.buckets.sizes import several

__all__ = ["Axis", "Grid", "several"]
