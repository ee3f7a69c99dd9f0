"""A session whose every run is held against a judge: wrong outputs never reach the host."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zif.errors import WrongResult
from zif.runtime.session import Event
from zif.runtime.verification.agreement import OutputJudge

if TYPE_CHECKING:
    from zif.model import Model
    from zif.runtime.session import Session
    from zif.runtime.session.events import OnFault
    from zif.runtime.verification.agreement import Agreement


def watch_outputs(session: Session, model: Model, on_fault: OnFault) -> None:
    """From now on every run of the session runs on the judge as well, and once more rounded.

    Outputs that are further from the judge's than the precision costs are a WrongResult; with on_fault "fallback", the
    judge's are given instead, and an event says so once. Where everything runs on those who judge, nothing is done.
    Raises ZifError where nothing can judge.
    """
    judge = OutputJudge(model, session.plan)
    if set(session.plan.backends) <= set(judge.judge):
        judge.close()
        return
    lock, told = threading.Lock(), list[bool]()

    def watch(inputs: Mapping[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
        agreed, right = judge.judged([(inputs, outputs)])
        if agreed.word not in ("wrong", "unholdable"):
            return outputs
        if on_fault != "fallback":
            raise WrongResult(f"{sentence(agreed)}. Load it with verify='units': what is wrong leaves its backend")
        with lock:
            if not told:
                told.append(True)
                session.events.append(Event("verified-wrong", backends(session), None, sentence(agreed)))
        return {name: right[name] for name in outputs}

    session.watch(watch, judge.close)


def sentence(agreed: Agreement) -> str:
    """How far the outputs are from the judge's, and what the precision must cost."""
    worst, judge = agreed.worst, " and ".join(agreed.judge)
    if worst is None:
        return f"the outputs are not those of {judge}"
    if worst.sqnr_db is None or worst.rounded_db is None:
        return f"{100 * (worst.agreement or 0):.3g} % of {worst.name!r} are equal to what {judge} gives"
    if agreed.word == "unholdable":
        return f"{agreed.precision} does not hold its values: {worst.sqnr_db:.1f} dB at {worst.name!r} ({judge} judges)"
    must = f"{agreed.precision} must cost no more than {worst.rounded_db:.1f}"
    return f"{worst.name!r} lies {worst.sqnr_db:.1f} dB from what {judge} gives, where {must}"


def backends(session: Session) -> str:
    """Who computes what, as events name them."""
    return ", ".join(session.plan.backends)
