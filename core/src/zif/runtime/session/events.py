"""What a session tells its host besides outputs: events and timings, and who may look at a run or mend one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import frozen

from zif.errors import ZifError

if TYPE_CHECKING:
    from zif.runtime.session.step import Step

OnFault = Literal["fail", "fallback"]


@frozen
class Event:
    """Something that the host should know of: a fallback, a rebuilt artifact, a note of a backend."""

    kind: str
    backend: str
    segment: int | None
    text: str


@frozen
class Timing:
    """How long one segment took in one run, in milliseconds of wall-clock time."""

    segment: int
    backend: str
    kind: str
    ms: float
    label: str = ""


#: Builds a step anew on the next-best backend after a fault; raises when there is none.
Rescue = Callable[["Step", ZifError], "Step"]

#: Looks at a run's inputs and outputs, and gives the outputs to hand on; raises for those that must not be.
Watch = Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]]


class Underway(Protocol):
    """What is compiled beside a session; see `zif.runtime.started.Starting`."""

    state: str
    seconds: float | None
    error: ZifError | None
    figures: Mapping[str, Any]

    def wait(self, timeout: float | None = None) -> bool: ...

    def cancel(self) -> None: ...
