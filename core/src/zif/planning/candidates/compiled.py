"""Units that were compiled elsewhere run on the backend that loads what their compiler made, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zif.errors import UsageError
from zif.model import compiled_units
from zif.model.attributes import attribute

if TYPE_CHECKING:
    from zif.model import Model
    from zif.planning.candidates.participants import Participants
    from zif.records import Target


def check_compiled(model: Model, target: Target, asked: Participants) -> None:
    """Raise UsageError for a unit that was compiled elsewhere and that nobody loads here, with what is against it."""
    for name in compiled_units.units(model):
        said = {who: capabilities.capabilities.verdicts.get(name) for who, capabilities in asked.by_name.items()}
        if not any(verdict is not None and verdict.supported for verdict in said.values()):
            unfit = [f"{who}: {v.reason}" for who, v in said.items() if v is not None and v.code == "unavailable"]
            source = attribute(model.proto.graph.node[model.unit(name).nodes[0]], "source", "")
            raise UsageError(_sentence(model.name, name, target, source, unfit, asked))


def _sentence(name: str, unit: str, target: Target, source: str, unfit: list[str], asked: Participants) -> str:
    whose = source or "a provider that it does not name"
    head = f"{name}: {unit!r} (EPContext) was compiled elsewhere, by {whose}, and cannot run on {target.name}"
    if unfit:
        return f"{head}. {'; '.join(unfit)}"
    out = ("unavailable", "excluded", "failed")
    absent = [f"{candidate.name}: {candidate.reason}" for candidate in asked.candidates if candidate.code in out]
    tail = f" ({'; '.join(absent)})" if absent else ""
    return f"{head}: no backend that takes part loads it{tail}. `zif backends` lists them"
