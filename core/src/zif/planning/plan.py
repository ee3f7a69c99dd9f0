"""The plan as data: what runs where, what it should cost, and why. Equal input gives an equal plan, byte for byte."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, Literal, get_args

import attrs
from attrs import frozen

from zif.planning.records import (
    Candidate,
    Check,
    Counterfactual,
    Memory,
    Predicted,
    Request,
    Score,
    Segment,
    Transfer,
    UnitPlan,
    UnitVerdict,
)
from zif.records import Said, TensorInfo

Policy = Literal["balanced", "performance", "power", "memory"]
POLICIES: tuple[str, ...] = get_args(Policy)
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

    @property
    def failure(self) -> str:
        """Why the plan must not be built: the hard goals that it misses; "" without any."""
        return "; ".join(one.text for one in self.checks if one.hard and not one.met)

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
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` gave, here or in another version of zif: fields that are not known are passed over.

        Raises KeyError, TypeError or ValueError when it is not one.
        """
        if data.get("schema") != SCHEMA:
            raise ValueError(f"schema is {data.get('schema')!r}, not {SCHEMA!r}")
        request = _known(Request, data)
        request |= {key: tuple(request[key]) for key in ("only", "exclude")}
        request["shapes"] = {name: tuple(dims) for name, dims in request["shapes"].items()}
        return cls(
            model=data["model"],
            digest=data["digest"],
            request=Request(**request),
            inputs=tuple(_tensor(item) for item in data["inputs"]),
            outputs=tuple(_tensor(item) for item in data["outputs"]),
            segments=tuple(_segment(item) for item in data["segments"]),
            units=tuple(_unit(item) for item in data["units"]),
            transfers=tuple(Transfer(**_known(Transfer, item)) for item in data["transfers"]),
            scores={name: Score(**_known(Score, item)) for name, item in data["scores"].items()},
            predicted=_predicted(data["predicted"]),
            candidates=tuple(_candidate(item) for item in data["candidates"]),
            notes=tuple(data["notes"]),
            counterfactuals=tuple(_counterfactual(item) for item in data.get("counterfactuals", ())),
            checks=tuple(Check(**_known(Check, item)) for item in data.get("checks", ())),
        )


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


def _known(cls: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that the data has; a newer version may have written more."""
    return {field.name: data[field.name] for field in attrs.fields(cls) if field.name in data}


def _tensor(data: Mapping[str, Any]) -> TensorInfo:
    shape = data["shape"]
    return TensorInfo(data["name"], data["type"], None if shape is None else tuple(shape))


def _segment(data: Mapping[str, Any]) -> Segment:
    return Segment(**{**_known(Segment, data), **{key: tuple(data[key]) for key in ("units", "inputs", "outputs")}})


def _predicted(data: Mapping[str, Any]) -> Predicted:
    memory = {name: Memory(**_known(Memory, item)) for name, item in data.get("memory", {}).items()}
    return Predicted(**{**_known(Predicted, data), "memory": memory})


def _candidate(data: Mapping[str, Any]) -> Candidate:
    return Candidate(**{**_known(Candidate, data), "notes": tuple(data["notes"])})


def _counterfactual(data: Mapping[str, Any]) -> Counterfactual:
    return Counterfactual(**{**_known(Counterfactual, data), **{key: tuple(data[key]) for key in ("changes", "units")}})


def _verdict(data: Mapping[str, Any]) -> UnitVerdict:
    overruled = tuple(Said(**_known(Said, item)) for item in data.get("overruled", ()))
    return UnitVerdict(**{**_known(UnitVerdict, data), "overruled": overruled})


def _unit(data: Mapping[str, Any]) -> UnitPlan:
    verdicts = {name: _verdict(item) for name, item in data["verdicts"].items()}
    names = {key: tuple(data[key]) for key in ("inputs", "outputs")}
    return UnitPlan(**{**_known(UnitPlan, data), **names, "verdicts": verdicts})


__all__ = [
    "POLICIES",
    "SCHEMA",
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
