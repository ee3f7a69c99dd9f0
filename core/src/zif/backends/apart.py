"""Which backends do their stages in a worker. What starts workers is imported for those alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.records import Capabilities, Target


def stand_in(backend: Backend, general: Capabilities, target: Target, isolate: bool = False) -> Backend:
    """The backend itself, or the worker that stands for one that asks for it, that must be, or lives elsewhere."""
    if not (general.isolate or isolate or backend.apart or backend.info.environment):
        return backend
    from zif.backends.isolation.remote import isolated

    return isolated(backend, target)
