"""What a backend declares, what its engine answered and what was seen of it, side by side for every unit.

A verdict that was observed replaces an engine's yes only, never its no; so it tells both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from zif.records import Verdict
from zif.verdicts.declared import declared

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.candidates.participants import Participant


@frozen
class Compared:
    """One unit on one backend. Each is True (takes it), False, or None: not known, or not asked.

    `reason` is that of the verdict that counts.
    """

    backend: str
    unit: str
    op_type: str
    declared: bool | None
    probed: bool | None
    observed: bool | None
    code: str
    reason: str

    @property
    def differs(self) -> bool:
        """Whether one says yes and another no."""
        return len({self.declared, self.probed, self.observed} - {None}) > 1


def compare(model: Model, participant: Participant) -> Iterator[Compared]:
    """Every unit of the model on one backend, in the model's order."""
    known = participant.capabilities
    table = declared(model, known.ops, engine=participant.backend.name) if known.ops else {}
    unasked = Verdict(None)
    for unit in model.units:
        said, verdict = table.get(unit.id, unasked), known.verdicts.get(unit.id, unasked)
        probed = {"probed": verdict.supported, "observed": True}.get(verdict.basis)
        observed = verdict.supported if verdict.basis == "observed" else None
        listed = said.supported if known.ops else verdict.supported if verdict.basis == "declared" else None
        yield Compared(
            participant.backend.name, unit.id, unit.op_type, listed, probed, observed, verdict.code, verdict.reason
        )
