"""A model that was opened as it stands, held against what is known of the backend that opened it.

Nobody was asked before the first run, as no engine is. What a table or the backend itself says of the units is heard
beside the runs: units that it computes wrongly, or never said to take, go elsewhere before anything is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from zif.errors import ZifError
from zif.files.wording import listed
from zif.runtime.session import Event
from zif.targets import host
from zif.verdicts import learned
from zif.verdicts.settle import with_words

if TYPE_CHECKING:
    from zif.backends.backend import Backend
    from zif.model import Model
    from zif.runtime.session import Session


def steer(session: Session, by: Backend, model: Model, load: Callable[[], Session]) -> None:
    """Have the session go on with `load`, a plan for this machine, where `by` should not run every unit.

    An event says which units and why. Raises UsageError for a session that was closed meanwhile.
    """
    try:
        answer = by.capabilities(host(), model)
        lessons = learned.words(model, by.name, answer.toolchain, host().name)
        verdicts = with_words(answer, ("verified", lessons)).verdicts
        wrong = {unit.id: verdicts[unit.id] for unit in model.units if unit.id in verdicts}
        wrong = {unit: verdict for unit, verdict in wrong.items() if verdict.supported is False}
        if not wrong:
            return
        other = load()
    except ZifError as error:
        session.events.append(Event("note", by.name, None, f"what it takes could not be heard: {error}"))
        return
    first = next(iter(wrong.values()))
    session.adopt(other)
    text = f"moved off {by.name}: {listed(wrong, 5)} ({first.reason or first.code})"
    session.events.append(Event("replan", by.name, None, text))
