"""What a backend declares, what its engine answered and what was seen of it, side by side for every unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from zif.verdicts.settle import UNASKED

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.candidates.participants import Participant
    from zif.records import Said

#: Who speaks of the backend; the others speak of what the caller asks for.
_OF_THE_BACKEND = frozenset({"table", "backend", "observed", "verified"})


@frozen
class Compared:
    """One unit on one backend. Each is True (takes it), False, or None: not known, or not asked.

    `code` and `reason` are those of the verdict that counts; `said` is how it came about, from the first word on.
    """

    backend: str
    unit: str
    op_type: str
    declared: bool | None
    probed: bool | None
    observed: bool | None
    verified: bool | None
    code: str
    reason: str
    said: tuple[Said, ...]

    @property
    def differs(self) -> bool:
        """Whether one says yes and another no."""
        return len({self.declared, self.probed, self.observed, self.verified} - {None}) > 1


def compare(model: Model, participant: Participant) -> Iterator[Compared]:
    """Every unit of the model on one backend, in the model's order."""
    name, verdicts = participant.backend.name, participant.capabilities.verdicts
    for unit in model.units:
        verdict = verdicts.get(unit.id, UNASKED)
        said = {
            overruled.basis: overruled.supported for overruled in verdict.chain if overruled.source in _OF_THE_BACKEND
        }
        answers = (said.get("declared"), said.get("probed"), said.get("observed"), said.get("verified"))
        yield Compared(name, unit.id, unit.op_type, *answers, verdict.code, verdict.reason, verdict.chain)
