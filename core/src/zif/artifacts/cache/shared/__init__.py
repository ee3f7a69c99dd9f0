"""A cache that machines share, in an object store or on a disk that all of them see, behind the user's own.

What may come in: what lies there and how it is believed. What an artifact is, and where the user's own are, is beside.
"""

from __future__ import annotations

from zif.artifacts.cache.shared.objects import Unreachable
from zif.artifacts.cache.shared.place import shared_tier
from zif.artifacts.cache.shared.tier import SharedEntry, Tier
from zif.artifacts.cache.shared.trust import Trust

__all__ = ["SharedEntry", "Tier", "Trust", "Unreachable", "shared_tier"]
