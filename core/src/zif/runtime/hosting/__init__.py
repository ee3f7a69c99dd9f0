"""Many sessions in one process: who may be resident, who runs first, who rests.

What may come in: what concerns several sessions. One alone needs nothing of it.
"""

from __future__ import annotations

from zif.runtime.hosting.host import Host
from zif.runtime.hosting.hosted import Hosted

__all__ = ["Host", "Hosted"]
