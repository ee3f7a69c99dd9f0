"""The plan as data: what runs where, what it should cost, and why. Equal input gives an equal plan, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import attrs
from attrs import Factory, frozen

from zif.constraints import demanded
from zif.records import Kind, TensorInfo

Policy = Literal["balanced", "performance", "power", "memory"]
POLICIES: tuple[str, ...] = get_args(Policy)
SCHEMA = "zif.plan/1"


@frozen
class UnitVerdict:
    """One backend on one unit, and what the unit would cost there.

    `code` and `reason` say why the unit runs there or does not. `cost_us` is None where it cannot run; `cost_source` is
    "fitted", "roofline", "declared" or "measured".
    """

    supported: bool | None
    basis: str
    code: str
    reason: str
    cost_us: float | None = None
    cost_source: str = ""


@frozen
class UnitPlan:
    """One unit, where it was placed and what every backend said of it.

    inputs and outputs name its tensors (weights not counted); macs are multiply-accumulates.
    """

    name: str
    op_type: str
    domain: str
    backend: str
    segment: int
    verdicts: Mapping[str, UnitVerdict]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    macs: int = 0
    precision: str = ""


@frozen
class Segment:
    """Units that run as one step on one backend. Segments are numbered in an order in which they can run."""

    id: int
    backend: str
    kind: Kind
    units: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    latency_us: float
    energy_uj: float
    label: str = ""

    @property
    def shown(self) -> str:
        """The kind, or what the backend wants to have said in its place."""
        return self.label or self.kind


@frozen
class Transfer:
    """A tensor that crosses from one backend to another (or from and to the host), paid once per receiver."""

    tensor: str
    source: str
    destination: str
    bytes: int
    us: float


@frozen
class Score:
    """The selector's figure for a backend on a whole model. The terms add up to the total; each has its sentence."""

    total: float
    terms: Mapping[str, float]
    reasons: Mapping[str, str] = Factory(dict)


@frozen
class Memory:
    """What a plan holds in memory on one backend, or on the host, while it runs; all in bytes, as the backend keeps it.

    weights: of its segments together. activations: the most that is alive at once, by the lifetimes of tensors; the
    unit `peak_unit` runs then. largest_unit: the most that one unit reads and makes. vtcm: the NPU's own memory, None
    elsewhere; beyond_vtcm: how many units read and make more than that, so that they run in parts.
    """

    weights_bytes: int
    activations_bytes: int
    peak_unit: str = ""
    largest_unit_bytes: int = 0
    vtcm_bytes: int | None = None
    beyond_vtcm: int = 0


@frozen
class Predicted:
    """What the plan should cost, beside greedy placement and each backend alone (only those that take everything).

    Times in microseconds, energy in microjoules, transfers in bytes. memory: by backend that got units, and "host".
    """

    latency_us: float
    energy_uj: float
    transfer_bytes: int
    greedy_latency_us: float
    single: Mapping[str, float]
    source: str = ""
    memory: Mapping[str, Memory] = Factory(dict)


@frozen
class Counterfactual:
    """What a change in what a backend takes would make of the plan: the cheapest placement if it were so.

    changes: as `--what-if` takes them, all of them together; text: the same as half a sentence. units: those that a
    backend would take then, or no more.
    op_types, codes: how many of them are of each operator, and were refused with each code until now; reason: the
    sentence of the first. moved: how many units of the plan would run elsewhere. cost_change: the change in what the
    policy minimises, as a share (-0.38: 38 % less). asked: whether the caller asked for it. note: what else to know.
    """

    changes: tuple[str, ...]
    text: str
    units: tuple[str, ...]
    op_types: Mapping[str, int]
    codes: Mapping[str, int]
    reason: str
    moved: int
    segments: int
    latency_us: float
    energy_uj: float
    transfer_bytes: int
    cost_change: float
    asked: bool = False
    note: str = ""

    @property
    def now(self) -> str:
        """What the backends say of these units until now, in one sentence."""
        codes = ", ".join(code for code in self.codes if code != "ok")
        return f"refused as {codes}: {self.reason}" if codes else "taken"


@frozen
class Candidate:
    """A backend that was asked: what it is here, or why it takes no part."""

    name: str
    distribution: str
    version: str
    processor: str
    kind: Kind
    toolchain: str
    takes_part: bool
    code: str = "ok"
    reason: str = ""
    notes: tuple[str, ...] = ()
    label: str = ""


@frozen
class Check:
    """A goal and whether the plan keeps to it, in microseconds. A plan that misses a hard one is not built."""

    name: str
    wanted: float
    found: float
    met: bool
    hard: bool
    text: str


@frozen
class Request:
    """What the caller asked for, as far as it shapes the plan."""

    target: str = "host"
    policy: str = "balanced"
    shapes: Mapping[str, tuple[int, ...]] = Factory(dict)
    pin: Mapping[str, str] = Factory(dict)
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    strict: bool = False
    emulate: bool = False
    config: Mapping[str, Mapping[str, Any]] = Factory(dict)
    constraints: Mapping[str, Any] = Factory(dict)

    @property
    def asked(self) -> tuple[str, ...]:
        """What was asked for besides target and policy, in the words of the command line."""
        words = [f"--pin {pattern}={name}" for pattern, name in self.pin.items()]
        words += [f"--only {name}" for name in self.only] + [f"--exclude {name}" for name in self.exclude]
        words += ["--strict"] * self.strict + ["--emulate"] * self.emulate
        words += list(demanded(self.constraints))
        for name, options in self.config.items():
            words.append(f"{name}: {', '.join(f'{key}={value}' for key, value in options.items())}")
        return tuple(words)


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
        data = attrs.asdict(self, recurse=True)
        request = data.pop("request")
        return {"schema": SCHEMA, "model": data.pop("model"), **request, **_plain(data)}

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
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


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


def _unit(data: Mapping[str, Any]) -> UnitPlan:
    verdicts = {name: UnitVerdict(**_known(UnitVerdict, item)) for name, item in data["verdicts"].items()}
    names = {key: tuple(data[key]) for key in ("inputs", "outputs")}
    return UnitPlan(**{**_known(UnitPlan, data), **names, "verdicts": verdicts})
