"""Backends that may take their process down run in one of their own: a worker per backend and target.

`isolated(backend, target)` is the backend with its stages done there; `close_idle()` ends the workers that nobody uses.
"""

from __future__ import annotations

from zif.backends.isolation import pool as _pool
from zif.backends.isolation.remote import IsolatedBackend, isolated
from zif.backends.isolation.worker import Limits, Worker


def close_idle() -> None:
    """End the workers that no loaded segment uses. They end by themselves after a while, and with this process."""
    _pool.pool.close_idle()


__all__ = ["IsolatedBackend", "Limits", "Worker", "close_idle", "isolated"]
