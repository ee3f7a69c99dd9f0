"""A timeline of what ran when, for a person to look at: recorded, and written as Perfetto or Chrome show it.

What may come in: forms in which spans are written. Who records what stands in `zif.backends.timeline`.
"""

from __future__ import annotations

from zif.runtime.timeline.recorded import Timeline, check_ending, traced

__all__ = ["Timeline", "check_ending", "traced"]
