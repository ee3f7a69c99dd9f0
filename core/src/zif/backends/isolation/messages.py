"""What the host and a worker say to each other, besides the contract's records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from zif.errors import ZifError
    from zif.records import Installed


@frozen
class Hello:
    """The first message to a worker: which plugin, the host's sys.path to find it on, and its PYTHONPATH."""

    info: Installed
    path: tuple[str, ...]
    pythonpath: str | None


@frozen
class Failure:
    """An exception that was raised in a worker: itself, ready to raise again, and where it came from, as text.

    `foreign` says that it was no ZifError there: `error` then stands for it.
    """

    error: ZifError
    trace: str
    foreign: bool = False


@frozen
class Loaded:
    """A segment that a worker has loaded: its number there, the protocols of its abilities, its notes if it has any."""

    handle: int
    abilities: frozenset[type]
    notes: tuple[str, ...] | None


class WorkerTraceback(Exception):
    """Where an error came from inside the worker; chained as the cause of what the host raises."""

    def __init__(self, trace: str) -> None:
        super().__init__(trace)
        self.trace = trace

    def __str__(self) -> str:
        return f"\n\n{self.trace}"
