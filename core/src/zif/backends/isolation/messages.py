"""What the host and a worker say to each other, besides the contract's records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen

if TYPE_CHECKING:
    from zif.errors import ZifError
    from zif.records import Stage, Target

#: Names of the protocols of optional abilities.
Abilities = tuple[str, ...]


@frozen
class Hello:
    """The first message to a worker: who it is to be.

    protocol: the host's. role: what is served, such as "backend"; spec: which one, for a backend its `Installed`.
    target: what is planned for. path: where to look for modules, None for the interpreter's own place; pythonpath: what
    processes that the worker starts have in PYTHONPATH.
    """

    protocol: int
    role: str
    spec: Any
    target: Target | None = None
    path: tuple[str, ...] | None = None
    pythonpath: str | None = None


@frozen
class Welcome:
    """The first answer of a worker: which zif it is, and what it serves. `stages`: the hooks that a plugin has."""

    zif: str = ""
    stages: tuple[Stage, ...] = ()


@frozen
class Failure:
    """An exception that was raised in a worker: itself, ready to raise again, and where it came from, as text.

    `foreign` says that it was no ZifError there: `error` then stands for it.
    """

    error: ZifError
    trace: str = ""
    foreign: bool = False


@frozen
class Loaded:
    """A segment that a worker has loaded: its number there, the protocols of its abilities, its notes if it has any."""

    handle: int
    abilities: Abilities = ()
    notes: tuple[str, ...] | None = None


@frozen
class Given:
    """Options as they cross to a worker, which builds its own class from them."""

    values: Mapping[str, Any] = Factory(dict)


@frozen
class Opaque:
    """What only the worker understands, on its way from its `convert` to its `compile`: the host never opens it."""

    kind: str
    content: bytes


class WorkerTraceback(Exception):
    """Where an error came from inside the worker; chained as the cause of what the host raises."""

    def __init__(self, trace: str) -> None:
        super().__init__(trace)
        self.trace = trace

    def __str__(self) -> str:
        return f"\n\n{self.trace}"
