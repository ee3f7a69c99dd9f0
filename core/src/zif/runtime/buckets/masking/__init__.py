"""Padding kept out of the valid part: a bucket's graph with masks, which its inputs' real sizes fill.

What may come in: what operators need of the part beyond the valid one, and the graph that gives it to them. Whether a
masked graph is right is not known here: it is tried like any other.
"""

from __future__ import annotations

from zif.runtime.buckets.masking.guards import Guard, guarding

__all__ = ["Guard", "guarding"]
