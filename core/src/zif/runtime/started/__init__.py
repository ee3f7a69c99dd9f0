"""A session that answers before anything is compiled: on the CPU at once, on the target when it is verified there.

What may come in: opening a model as it stands, and what goes on beside a session that runs already.
"""

from __future__ import annotations

from zif.runtime.started.background import Starting
from zif.runtime.started.load import load_at_once

__all__ = ["Starting", "load_at_once"]
