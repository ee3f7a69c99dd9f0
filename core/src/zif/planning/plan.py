"""The plan as data: what runs where, what it should cost, and why. Equal input gives an equal plan, byte for byte."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

import attrs
from attrs import frozen

from zif.errors import InvalidInput
from zif.files.paths import Refusal
from zif.files.records import record, shown, value
from zif.planning.constraints import Told
from zif.planning.records import (
    Advice,
    Candidate,
    Check,
    Counterfactual,
    Memory,
    Predicted,
    Request,
    Score,
    Transfer,
    UnitPlan,
    UnitVerdict,
)
from zif.planning.segment import POLICIES, Policy, Segment
from zif.records import TensorInfo

SCHEMA = "zif.plan/1"


@frozen
class Plan:
    """Placement, segments, transfers, costs and reasons of one model for one target: pure data, nothing compiled."""

    model: str
    digest: str
    request: Request
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    segments: tuple[Segment, ...]
    units: tuple[UnitPlan, ...]
    transfers: tuple[Transfer, ...]
    scores: Mapping[str, Score]
    predicted: Predicted
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()
    counterfactuals: tuple[Counterfactual, ...] = ()
    checks: tuple[Check, ...] = ()
    advice: tuple[Advice, ...] = ()

    @property
    def failure(self) -> str:
        """Why the plan must not be built: the hard goals that it misses; "" without any."""
        return "; ".join(check.text for check in self.checks if check.hard and not check.met)

    @property
    def target(self) -> str:
        """Name of the target that was planned for."""
        return self.request.target

    @property
    def policy(self) -> str:
        """The policy that costs were weighed by."""
        return self.request.policy

    @property
    def backends(self) -> tuple[str, ...]:
        """The backends that got units, in order of their first segment."""
        return tuple(dict.fromkeys(segment.backend for segment in self.segments))

    @property
    def emulated(self) -> tuple[str, ...]:
        """Those of them that are emulators here."""
        return tuple(dict.fromkeys(segment.backend for segment in self.segments if segment.kind == "emulator"))

    @property
    def emulation(self) -> str:
        """The emulators by name, each with what it wants to have said of itself; "" without any."""
        shown = {segment.backend: segment.label for segment in self.segments if segment.kind == "emulator"}
        return ", ".join(f"{name}: {label}" if label else name for name, label in shown.items())

    def unit(self, name: str) -> UnitPlan:
        """The unit of this name. Raises KeyError."""
        for unit in self.units:
            if unit.name == name:
                return unit
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """The plan as the JSON document `zif.plan/1`: plain dicts, lists, numbers and text."""
        data: dict[str, Any] = _plain(self)
        request = data.pop("request")
        return {"schema": SCHEMA, "model": data.pop("model"), **request, **data}

    @classmethod
    def from_json(cls, data: Any, where: str = "the plan", error: Refusal = InvalidInput) -> Plan:
        """The plan that `to_json` gave, here or in another version of zif: fields that are not known are passed over.

        Every field is held to its type. Raises InvalidInput, or what `error` makes, with the place in the document
        `where`.
        """
        schema = data.get("schema") if isinstance(data, Mapping) else None
        if schema != SCHEMA:
            raise error(f"{where}: schema is {shown(schema)}, not {SCHEMA!r}")
        request = record(Request, data, where, error)
        value(Told, request.constraints, f"{where}: constraints", error)
        plan = record(cls, {**data, "request": request}, where, error)
        plan._check(where, error)
        return plan

    def _check(self, where: str, error: Refusal) -> None:
        """Hold what names something else against what there is to name."""
        ids = {segment.id for segment in self.segments}
        if len(ids) < len(self.segments):
            raise error(f"{where}: two segments have one id")
        stray = next((unit for unit in self.units if unit.segment not in ids), None)
        if stray is not None:
            raise error(f"{where}: the unit {stray.name!r} is of segment {stray.segment}, which is not there")
        mute = next((unit for unit in self.units if unit.backend not in unit.verdicts), None)
        if mute is not None:
            raise error(f"{where}: the unit {mute.name!r} has no verdict of {mute.backend!r}, where it runs")


def _plain(value: Any) -> Any:
    """Records, mappings and sequences as dicts and lists, all the way down; `attrs.asdict` takes twice as long."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    names = _field_names(value.__class__)
    return {name: _plain(getattr(value, name)) for name in names} if names else value


@cache
def _field_names(cls: Hashable) -> tuple[str, ...]:
    """The fields of a record; none of what is no record."""
    return tuple(field.name for field in attrs.fields(cls)) if isinstance(cls, type) and attrs.has(cls) else ()


__all__ = [
    "POLICIES",
    "SCHEMA",
    "Advice",
    "Candidate",
    "Check",
    "Counterfactual",
    "Memory",
    "Plan",
    "Policy",
    "Predicted",
    "Request",
    "Score",
    "Segment",
    "Transfer",
    "UnitPlan",
    "UnitVerdict",
]
