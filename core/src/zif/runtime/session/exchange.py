"""A session that goes on with other steps between two runs: who runs already ends on the old ones, who comes next has
the new.
"""

from __future__ import annotations

from zif.errors import UsageError
from zif.runtime.session.session import Session


def adopt(session: Session, other: Session) -> None:
    """From its next run on, `session` runs what `other` was loaded for. `other` must not be used any more.

    Both are of one model, with the same names of inputs and outputs. Raises UsageError when the session was closed
    meanwhile; then `other` is closed, too.
    """
    with session._lock:
        closed = session._closed
        if not closed:
            _take(session, other)
    if closed:
        other.close()
        raise UsageError("the session was closed meanwhile")


def _take(session: Session, other: Session) -> None:
    old = session._wiring
    session.plan, session._rescue = other.plan, other._rescue
    session.inputs, session.outputs, session.optional_inputs = other.inputs, other.outputs, other.optional_inputs
    session._tensors, session._constants = other._tensors, other._constants
    session._admission = other._admission
    session._watch, session._close_watch = other._watch, other._close_watch
    session._wiring = session._wire(other.steps)
    session._retired.add(old)
