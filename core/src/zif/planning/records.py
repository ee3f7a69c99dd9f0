"""The records that a plan is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Factory, frozen

from zif.planning.constraints import demanded
from zif.records import Basis, Kind, Said, Watts


@frozen
class UnitVerdict:
    """One backend on one unit, and what the unit would cost there.

    `code` and `reason` say why the unit runs there or does not, `source` who has decided that, and `overruled` whose
    word stood before, from the first to the last: see `zif.verdicts.settle`. `cost_us` is None where it cannot run;
    `would_cost_us` is what it would cost there then. `cost_source` is "fitted", "corrected", "roofline",
    "declared" or "measured".
    """

    supported: bool | None
    basis: Basis
    code: str
    reason: str
    cost_us: float | None = None
    cost_source: str = ""
    source: str = "backend"
    overruled: tuple[Said, ...] = ()
    would_cost_us: float | None = None

    @property
    def chain(self) -> tuple[Said, ...]:
        """Everyone whose word held once, from the first to the one that holds."""
        return (*self.overruled, Said(self.source, self.basis, self.supported, self.code, self.reason))


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
class Transfer:
    """A tensor that crosses from one backend to another (or from and to the host), paid once per receiver.

    energy_uj: what both ends draw for the time that each of them spends on it.
    """

    tensor: str
    source: str
    destination: str
    bytes: int
    us: float
    energy_uj: float = 0.0


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
    unit `peak_unit` runs then. largest_unit: the most that one unit reads and makes. local_memory: the processor's own,
    None without one; beyond_local_memory: how many units read and make more than that, so that they run in parts.
    """

    weights_bytes: int
    activations_bytes: int
    peak_unit: str = ""
    largest_unit_bytes: int = 0
    local_memory_bytes: int | None = None
    beyond_local_memory: int = 0


@frozen
class Predicted:
    """What the plan should cost, beside greedy placement and each backend alone (only those that take everything).

    Times in microseconds, energy in microjoules, transfers in bytes. memory: by backend that got units, and "host".
    energy_low_uj and energy_high_uj: the same plan at the least and the most that its processors may draw.
    average_watts: what runs draw without a pause, which is what has to be cooled. power: by backend that got units,
    what it draws while it works, in the performance mode that was asked for. power_note: what these figures are, and
    what would take their place. latency_low_us and latency_high_us: eight times of ten a run takes between these, by
    what predictions of other models were off; latency_note: what that rests on.
    """

    latency_us: float
    energy_uj: float
    transfer_bytes: int
    greedy_latency_us: float
    single: Mapping[str, float]
    source: str = ""
    memory: Mapping[str, Memory] = Factory(dict)
    energy_low_uj: float = 0.0
    energy_high_uj: float = 0.0
    average_watts: float = 0.0
    power: Mapping[str, Watts] = Factory(dict)
    power_note: str = ""
    latency_low_us: float = 0.0
    latency_high_us: float = 0.0
    latency_note: str = ""


@frozen
class Advice:
    """Something that the author of the model or of the host could do, with its figures.

    code: "fusion", "depthwise", "activations", "batch", "static", "heat" or "idle". units: those that it is about, if
    it is about some. saves_us: at most so many microseconds a run; None where no figure says.
    """

    code: str
    text: str
    units: tuple[str, ...] = ()
    saves_us: float | None = None


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
    """A goal and whether the plan keeps to it. A plan that misses a hard one is not built.

    wanted and found are microseconds of latency, or bytes of memory.
    """

    name: str
    wanted: float
    found: float
    met: bool
    hard: bool
    text: str


@frozen
class Request:
    """What the caller asked for, as far as it shapes the plan. assume: the quantization that costs are told for.

    custom_ops: the file names of the user's libraries of operators: where they lie is no part of a plan.
    """

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
    assume: str = ""
    custom_ops: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """What was asked for besides target and policy, in the words of the command line."""
        words = [f"--pin {pattern}={name}" for pattern, name in self.pin.items()]
        words += [f"--only {name}" for name in self.only] + [f"--exclude {name}" for name in self.exclude]
        words += [f"--assume {self.assume}"] if self.assume else []
        words += [f"--custom-ops {name}" for name in self.custom_ops]
        words += ["--strict"] * self.strict + ["--emulate"] * self.emulate
        words += list(demanded(self.constraints))
        for name, options in self.config.items():
            words.append(f"{name}: {', '.join(f'{key}={value}' for key, value in options.items())}")
        return tuple(words)
