"""Hearing what each installed backend is for a target: all at once, each within a deadline, so that none can hold up
or take down the one who asks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from zif.backends import trials
from zif.backends.blame import blaming
from zif.backends.deadline import deadline, within
from zif.backends.registry import backend, installed
from zif.errors import BackendBroken, ZifError
from zif.records import Capabilities, Installed, Stage, Target

if TYPE_CHECKING:
    from zif.backends.backend import Backend


@frozen
class Answer:
    """What came of asking one installed backend. `capabilities` None: nothing, and `reason` says why."""

    row: Installed
    capabilities: Capabilities | None = None
    stages: tuple[Stage, ...] = ()
    reason: str = ""

    @property
    def available(self) -> bool:
        """Whether it can run or compile here."""
        return self.capabilities is not None and self.capabilities.available

    def to_json(self) -> dict[str, Any]:
        """A row of `zif backends --json`."""
        answer = self.capabilities
        return {
            "name": self.row.name,
            "distribution": self.row.distribution,
            "version": self.row.version,
            "kind": answer.kind if answer else None,
            "label": answer.label if answer else "",
            "processor": answer.processor if answer else None,
            "available": self.available,
            "reason": self.reason,
            "stages": self.stages,
            "toolchain": answer.toolchain if answer else "",
            "notes": answer.notes if answer else (),
            "module": self.row.module,
            "environment": self.row.environment,
        }


def open_and_ask(row: Installed, target: Target, seconds: float) -> tuple[Backend, Capabilities]:
    """One backend, imported and asked what it is for `target`, in `seconds` altogether.

    Raises ZifError subclasses only: BackendBroken also for a plugin that hangs or calls `exit` when it is imported.
    """

    trials.prepare([row])  # before the clock starts

    def ask() -> tuple[Backend, Capabilities]:
        with blaming(row.owner, "being asked", BackendBroken):
            answering = backend(row.name)
            return answering, answering.capabilities(target)

    return within(seconds, ask, f"{row.owner} was not imported or did not answer")


def ask_all(target: Target, rows: Sequence[Installed] | None = None, seconds: float | None = None) -> list[Answer]:
    """What every installed backend (or those of `rows`) answers, in their order; takes one deadline at most."""
    asked = list(installed() if rows is None else rows)
    limit = deadline() if seconds is None else seconds
    answers: dict[int, Answer] = {}
    trials.prepare(asked)
    import zif.model.model  # noqa: F401  # whole before threads begin: several plugins would import its files at once

    def ask(place: int) -> None:
        answers[place] = _answer(asked[place], target, limit)

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[place] for place in range(len(asked))]


def _answer(row: Installed, target: Target, seconds: float) -> Answer:
    if row.problem:
        return Answer(row, reason=row.problem)
    try:
        answering, capabilities = open_and_ask(row, target, seconds)
    except ZifError as error:
        return Answer(row, reason=str(error))
    return Answer(row, capabilities, answering.stages, capabilities.reason)
