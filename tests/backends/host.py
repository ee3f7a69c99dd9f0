"""The misbehaving backend in a worker."""

from __future__ import annotations

from typing import Any

from zif import Target
from zif.backends.backend import Backend
from zif.backends.isolation import Limits, isolated
from zif.backends.isolation import pool as workers
from zif.backends.isolation.service import of_backend
from zif.records import Installed

INFO = Installed("wild", "wild-dist", "1.2.3", "backends.wild")
HOST = Target("host")


class Wild:
    """The misbehaving backend in a worker, from an action to an executable."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.backend = isolated(Backend.open(INFO), HOST, limits)
        self.options = self.backend.options({}, HOST)

    def load(self, what: str, **options: Any) -> Any:
        chosen = self.backend.options(options, HOST)
        converted = self.backend.convert(what, HOST, chosen)
        return self.backend.load(self.backend.compile(converted, HOST, chosen), chosen)

    @property
    def pid(self) -> int:
        return workers.pool.slot(of_backend(INFO, HOST), Limits()).worker().pid
