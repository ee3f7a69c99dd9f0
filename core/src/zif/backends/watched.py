"""An executable seen by observers: its runs go over the `execute` hook while somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from zif.backends.relay import observed

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.records import Arrays, Executable


@frozen(eq=False)
class Watched:
    """An executable whose runs go over the `execute` hook, because somebody observes it."""

    backend: Backend
    inner: Executable

    def run(self, inputs: Arrays) -> Arrays:
        """Run once, seen by the observers."""
        return self.backend.execute(self.inner, inputs)

    def close(self) -> None:
        """Close the executable."""
        self.inner.close()


def watched(backend: Backend, executable: Executable) -> Executable:
    """The executable itself, unless an observer wants to see every run or the backend has its own `execute`."""
    if observed("execute") or "execute" in backend.stages:
        return Watched(backend, executable)
    return executable
