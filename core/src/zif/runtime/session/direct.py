"""The whole session as one call, for who runs it so often that every look-up counts, and falls back on `run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from zif.backends import timeline

if TYPE_CHECKING:
    from zif.records import Arrays
    from zif.runtime.session.admit import Admission
    from zif.runtime.session.wiring import Wiring


class Owner(Protocol):
    """What it wants of its session."""

    _wiring: Wiring
    _admission: Admission
    _watch: Any

    def run(self, inputs: Arrays) -> dict[str, Any]: ...


def direct(session: Owner) -> Callable[[Arrays], Any]:
    """`session.run` for inputs alone; where there is one segment, as little as there can be around its executable.

    Of a session that was closed, or whose segment failed, it raises what comes: then call `run`, which says what it is.
    """
    if session._wiring.direct is None or session._watch is not None:
        return session.run
    call, check = session._wiring.direct
    admit, run = session._admission.admit, session.run

    def once(inputs: Arrays) -> Any:
        if timeline.recorders:
            return run(inputs)
        values = admit(inputs)
        return check(call(values), values)

    return once
